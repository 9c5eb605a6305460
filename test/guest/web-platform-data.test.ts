// URLs of the web platform's own test data, as npm has them, parsed inside an isolate; and where the answers are known to differ.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";
import { packageFile } from "../../src/core/base/package-root.ts";
import { Guest } from "./harness.ts";
import { twin } from "./twin.ts";

interface UrlCase {
  input: string;
  failure?: boolean;
}

const plugin = `import { definePlugin } from "xcore/plugin"; export default definePlugin({});`;
// The data lies beside the package's sources; nothing of the package is run.
const data = packageFile("node_modules", "@wordpress", "url", "src", "test", "fixtures", "wpt-data.json");

/** Each ends in a failure of this test once it is no difference any more: then it is to be taken off the list. */
const known: { reason: string; inputs: string[] }[] = [
  {
    reason: "core-js drops the empty segments at the start of a file: path, as the standard did until 2019",
    inputs: [
      "file:\\\\//",
      "file:\\\\\\\\",
      "file:\\\\\\\\?fox",
      "file:\\\\\\\\#guppy",
      "file://spider///",
      "file:\\\\localhost//",
      "file://\\/localhost//cat",
      "file://localhost//a//../..//",
      "file://localhost//a//../..//foo",
      "file://localhost////foo",
      "file:////foo",
      "file:.//p",
      "file:/.//p",
    ],
  },
  {
    reason: "core-js drops the host of a file: URL before a drive letter, as the standard did until 2019",
    inputs: ["file://example.net/C:/", "file://1.2.3.4/C:/", "file://[1::8]/C:/"],
  },
  {
    reason:
      "core-js takes a label that begins with xn-- as it is: its content is not checked (nor is it by Node)",
    inputs: ["http://a.b.c.xn--pokxncvks", "http://10.0.0.xn--pokxncvks", "file://xn--/p"],
  },
];

suite("the web platform's test data inside an isolate", () => {
  test("URLs are refused or taken as the data says, part by part, but for the known differences", async () => {
    const cases = JSON.parse(await readFile(data, "utf8")) as UrlCase[];
    assert.ok(cases.length > 300, `expected hundreds of cases, got ${cases.length}`);
    using guest = await Guest.load(plugin);
    const parse = twin(guest, (input: string) => {
      const url = new URL(input);
      const { href, origin, protocol, username, password, host, hostname } = url;
      const { port, pathname, search, hash } = url;
      return { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash };
    });
    const different: string[] = [];
    for (const { input, failure = false } of cases) {
      const { inside, outside } = await parse(input);
      const expected = failure ? "threw TypeError" : outside;
      if (JSON.stringify(inside) !== JSON.stringify(expected)) different.push(input);
    }
    assert.deepEqual(different.toSorted(), known.flatMap(({ inputs }) => inputs).toSorted());
  });
});
