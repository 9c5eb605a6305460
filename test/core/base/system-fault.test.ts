// Faults of the system have a code and a cure of their own.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { systemFault } from "../../../src/core/base/system-fault.ts";

const fault = (code: string, path?: string): Error =>
  Object.assign(new Error(`${code}: no`), { code, ...(path === undefined ? {} : { path }) });

test("a file that may not be used is PATH_DENIED with its path", () => {
  for (const code of ["EACCES", "EPERM", "EROFS"]) {
    const error = systemFault(fault(code, "/srv/shop/.xcore"));
    assert.equal(error?.code, "PATH_DENIED");
    assert.equal(error.exit, 77);
    assert.match(error.message, /^\/srv\/shop\/\.xcore can't be used/);
  }
});

test("a full disk is DISK_FULL, as the system itself says it", async () => {
  const real = await writeFile("/dev/full", "x").catch((error: unknown) => error);
  assert.equal(systemFault(real)?.exit, 74);
  assert.equal(systemFault(fault("EDQUOT"))?.code, "DISK_FULL");
});

test("what is neither stays what it is", () => {
  assert.equal(systemFault(fault("ENOENT", "/x")), undefined);
  assert.equal(systemFault(fault("EACCES")), undefined, "no path: a port or a socket");
  assert.equal(systemFault("EACCES"), undefined);
});
