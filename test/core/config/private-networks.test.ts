import assert from "node:assert/strict";
import { test } from "node:test";
import { privateNetworksOf } from "../../../src/core/config/private-networks.ts";

test("networks, addresses and names of hosts are taken; what is none of them, or everything, is named", () => {
  const faults: string[] = [];
  const read = (entries: string[]): readonly string[] =>
    privateNetworksOf(entries, ["policy"], (path, message) => faults.push(`${path.join(".")}: ${message}`));
  const good = ["10.20.0.0/16", "127.0.0.1", "fd00::/8", "::1", "Intranet.Example.com", "db-1"];
  assert.deepEqual(
    read(good),
    good.map((entry) => entry.toLowerCase()),
  );
  assert.deepEqual(faults, []);
  read([
    "0.0.0.0/0",
    "::/0",
    "10.0.0.0/33",
    "10.0/8",
    "host:8080",
    "http://host/",
    "127.1",
    "2130706433",
    "0x7f000001",
  ]);
  assert.equal(faults.length, 9, faults.join("\n"));
  assert.match(faults[0] ?? "", /^policy\.privateNetworks\.0: '0\.0\.0\.0\/0' is every address there is/);
  assert.match(faults[4] ?? "", /the name of a host without port, got "host:8080"/);
});
