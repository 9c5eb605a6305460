import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Guest } from "./harness.ts";

const define = (routes: string): string =>
  `import { definePlugin } from "xcore/plugin"; export default definePlugin({ routes: { ${routes} } });`;

/** Runs the code in a plugin and gives what it returns. */
async function inside(code: string): Promise<unknown> {
  using guest = await Guest.load(define(`"GET /": async () => { ${code} }`));
  return JSON.parse((await guest.request("GET", "/")).body) as unknown;
}

/** A form as the web's own `Request` writes it, read by the code as `form`. */
async function sent(form: FormData | URLSearchParams, code: string): Promise<unknown> {
  using guest = await Guest.load(
    define(`"POST /": async (request) => { const form = await request.formData(); ${code} }`),
  );
  const request = new Request("http://x/", { method: "POST", body: form });
  const body = Buffer.from(await request.arrayBuffer()).toString("latin1");
  const headers = [...request.headers].flat();
  const answer = await guest.request("POST", "/", { headers, body, encoding: "latin1" });
  return JSON.parse(Buffer.from(answer.body, answer.encoding).toString()) as unknown;
}

suite("Blob and File", () => {
  test("hold text and bytes, and give them back whole, in pieces and as a stream", async () => {
    const given = await inside(`
      const blob = new Blob(["ü", new Uint8Array([65, 66]), new Blob(["c"]), new Uint8Array([100]).buffer], { type: "Text/Plain" });
      const pieces = []; for await (const piece of blob.slice(2).stream()) pieces.push(...piece);
      return [blob.size, blob.type, await blob.text(), await blob.slice(-2).text(), await blob.slice(2, -1, "a/b").text(),
        [...await blob.bytes()].length, (await blob.arrayBuffer()).byteLength, pieces, String(blob), new Blob(["x"], { type: "\\u00e9" }).type];`);
    assert.deepEqual(given, [
      6,
      "text/plain",
      "üABcd",
      "cd",
      "ABc",
      6,
      6,
      [65, 66, 99, 100],
      "[object Blob]",
      "",
    ]);
  });

  test("a File has a name and a time, and is a Blob", async () => {
    const given = await inside(`
      const file = new File(["ab"], "a.txt", { type: "text/plain", lastModified: 7 });
      return [file.name, file.lastModified, file instanceof Blob, file.slice(1) instanceof File, await file.text(), String(file)];`);
    assert.deepEqual(given, ["a.txt", 7, true, false, "ab", "[object File]"]);
  });

  test("are bodies with their type, and what a body is read as", async () => {
    const given = await inside(`
      const response = new Response(new Blob(["{}"], { type: "application/json" }));
      const blob = await response.blob();
      return [response.headers.get("content-type"), blob.type, await blob.text()];`);
    assert.deepEqual(given, ["application/json", "application/json", "{}"]);
  });

  test("refuse parts that are no list", async () => {
    const given = await inside(`try { new Blob("text"); } catch (error) { return [error.name]; }`);
    assert.deepEqual(given, ["TypeError"]);
  });
});

suite("FormData", () => {
  test("takes texts and files, and a file's other name", async () => {
    const given = await inside(`
      const form = new FormData();
      form.append("a", "1"); form.append("a", new Blob(["x"])); form.append("b", new File(["y"], "y.txt"), "z.txt");
      form.set("c", 3);
      return [...form].map(([name, value]) => [name, typeof value === "string" ? value : value.name]);`);
    assert.deepEqual(given, [
      ["a", "1"],
      ["a", "blob"],
      ["b", "z.txt"],
      ["c", "3"],
    ]);
  });

  test("is read from a multipart body as the web writes it", async () => {
    const form = new FormData();
    form.append("text", "grüße\r\nzwei");
    form.append('na"me\r\n', "quoted");
    form.append(
      "file",
      new File([new Uint8Array([0, 255, 13, 10, 45, 45])], "bild ü.bin", { type: "image/x" }),
    );
    form.append("empty", "");
    const given = await sent(
      form,
      `const file = form.get("file");
       return [form.get("text"), [...form.keys()], file.name, file.type, [...await file.bytes()], form.get("empty"), form.get("none")];`,
    );
    assert.deepEqual(given, [
      "grüße\r\nzwei",
      ["text", 'na"me\r\n', "file", "empty"],
      "bild ü.bin",
      "image/x",
      [0, 255, 13, 10, 45, 45],
      "",
      null,
    ]);
  });

  test("is read from a urlencoded body", async () => {
    const given = await sent(new URLSearchParams([["a", "ü b"]]), `return [...form];`);
    assert.deepEqual(given, [["a", "ü b"]]);
  });

  test("that is sent is read by the web's own reader as it was", async () => {
    using guest = await Guest.load(
      define(`"GET /": () => {
        const form = new FormData();
        form.append("te\\"xt\\n", "grüße\\nzwei");
        form.append("file", new File([new Uint8Array([0, 255, 13, 10])], "bild ü.bin", { type: "image/x" }));
        form.append("blob", new Blob(["x"]));
        return new Response(form);
      }`),
    );
    const answer = await guest.request("GET", "/");
    const headers = Object.fromEntries([[answer.headers[0] ?? "", answer.headers[1] ?? ""]]);
    const form = await new Response(Buffer.from(answer.body, "latin1"), { headers }).formData();
    const file = form.get("file") as File;
    assert.equal(form.get('te"xt\r\n') ?? form.get("te%22xt%0D%0A"), "grüße\r\nzwei");
    assert.deepEqual([file.name, file.type], ["bild ü.bin", "image/x"]);
    assert.deepEqual([...new Uint8Array(await file.arrayBuffer())], [0, 255, 13, 10]);
    assert.equal((form.get("blob") as File).type, "application/octet-stream");
  });

  test("refuses bodies that are none, each with a TypeError, also a thousand hostile ones in short time", async () => {
    using guest = await Guest.load(
      define(
        `"POST /": async (request) => { try { await request.formData(); return "read"; } catch (error) { return error.name; } }`,
      ),
    );
    const read = async (type: string, body: string): Promise<string> => {
      const headers = ["content-type", type];
      return (await guest.request("POST", "/", { headers, body, encoding: "latin1" })).body;
    };
    const type = "multipart/form-data; boundary=b";
    const part = `--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n`;
    const bad: [string, string][] = [
      ["text/plain", "a=1"],
      ["multipart/form-data", `${part}1\r\n--b--\r\n`],
      [type, "nonsense"],
      [type, `${part}1`],
      [type, `--b\r\n\r\nno name\r\n--b--\r\n`],
      [type, `--b\r\n${"x: y\r\n".repeat(5000)}\r\n1\r\n--b--\r\n`],
      [type, `${part}1\r\n`.repeat(1001).concat("--b--\r\n")],
      [type, part.repeat(5000)],
    ];
    for (const [contentType, body] of bad) {
      assert.equal(await read(contentType, body), "TypeError", `${contentType} ${body.slice(0, 60)}`);
    }
    assert.equal(await read(type, `${part}1\r\n--b--\r\n`), "read");
  });
});
