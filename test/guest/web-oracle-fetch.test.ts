// Headers, requests, answers and blobs inside give what Node gives, for thousands of inputs each.
import { after, before, suite, test } from "node:test";
import * as fc from "fast-check";
import type { Json } from "../../src/wire/json.ts";
import { Guest } from "./harness.ts";
import { agree, bytes, made, text, words } from "./twin.ts";

let guest: Guest;

const headerValue = made([...words("a B - : ÿ ā , x 1"), " ", "\t", "\n", "\r", "\0"], 5);
const headerName = fc.oneof(
  headerValue,
  fc.constantFrom(...words("a B b x-1 Set-Cookie set-cookie Content-Type")),
);

suite("fetch's classes, inside as in Node", () => {
  before(async () => {
    guest = await Guest.load(`import { definePlugin } from "xcore/plugin"; export default definePlugin({});`);
  });
  after(() => guest[Symbol.dispose]());

  test("Headers refuse, combine and sort", () =>
    agree(
      guest,
      fc.record({
        init: fc.oneof(
          fc.array(fc.tuple(headerName, headerValue)),
          fc.array(fc.array(headerName, { maxLength: 3 })),
          fc.dictionary(headerName, headerValue),
        ),
        steps: fc.array(
          fc.record({
            call: fc.constantFrom("append", "set", "delete"),
            name: headerName,
            value: headerValue,
          }),
          { maxLength: 6 },
        ),
      }),
      ({ init, steps }) => {
        const headers = new Headers(init as [string, string][]);
        const seen: Json[] = [];
        for (const { call, name, value } of steps) {
          try {
            if (call === "delete") headers.delete(name);
            else headers[call](name, value);
            seen.push(headers.get(name), headers.has(name));
          } catch (error) {
            seen.push((error as Error).name);
          }
        }
        return [[...headers], [...headers.keys()], [...headers.values()], headers.getSetCookie(), seen];
      },
      3000,
    ));

  test("Response and its readers", () =>
    agree(
      guest,
      fc.record({
        body: fc.oneof(fc.constantFrom(null, "", '{"a":1}', "\uFEFFx", "a=1&b=%20+"), text, bytes),
        status: fc.constantFrom(200, 204, 304, 404, 101, 199, 599, 600, 1e6),
        statusText: fc.constantFrom("", "Fine", "ä", "a\nb"),
        type: fc.constantFrom(null, "application/x-www-form-urlencoded", "a/b;c=d"),
        reader: fc.constantFrom("text", "json", "bytes", "arrayBuffer", "blob", "formData", "body"),
      }),
      async ({ body, status, statusText, type, reader }) => {
        const given = Array.isArray(body) ? Uint8Array.from(body) : body;
        const headers: [string, string][] = type === null ? [] : [["content-type", type]];
        const response = new Response(given, { status, statusText, headers });
        const copy = response.clone();
        const read = async (): Promise<Json> => {
          if (reader === "bytes") return [...(await response.bytes())];
          if (reader === "arrayBuffer") return (await response.arrayBuffer()).byteLength;
          if (reader === "blob") return (await response.blob()).type;
          if (reader === "formData") return [...(await response.formData())] as Json;
          if (reader !== "body") return (await response[reader as "json"]()) as Json;
          const pieces: number[] = [];
          for await (const piece of response.body ?? []) pieces.push(...piece);
          return pieces;
        };
        const { ok, redirected, url } = response;
        const result = await read().catch((error: Error) => error.name);
        return [ok, redirected, url, response.type, [...response.headers], result, await copy.text()];
      },
    ));

  test("Request's constructor", () =>
    agree(
      guest,
      fc.record({
        url: fc.constantFrom(
          "http://a.test/x#f",
          "HTTP://A.test:80/",
          "http://u:p@a.test/",
          "nonsense",
          "/rel",
        ),
        init: fc.record(
          {
            method: fc.constantFrom(...words("get GET post PATCH CONNECT trace QUERY delete HEAD"), "a b"),
            headers: fc.constantFrom<Record<string, string>>({}, { "X-A": "1" }, { "content-type": "a/b" }),
            body: fc.constantFrom("", "body", null),
            redirect: fc.constantFrom("follow", "manual", "error", "wild"),
          },
          { requiredKeys: [] },
        ),
      }) as fc.Arbitrary<{ url: string; init: Record<string, Json> }>,
      async ({ url, init }) => {
        const request = new Request(url, init as RequestInit);
        const again = new Request(request, { method: "PUT", body: "z" });
        const head = [request.url, request.method, request.redirect, request.signal.aborted, again.url];
        return [...head, [...request.headers], [...again.headers], await request.text(), await again.text()];
      },
      1000,
    ));

  test("Blob joins and slices", () =>
    agree(
      guest,
      fc.record({
        parts: fc.array(fc.oneof(text, bytes), { maxLength: 4 }),
        type: fc.constantFrom("", "Text/Plain", "ä", "a\0"),
        cut: fc.array(fc.integer({ min: -10, max: 20 }), { maxLength: 2 }),
      }),
      async ({ parts, type, cut }) => {
        const pieces = parts.map((part) => (typeof part === "string" ? part : Uint8Array.from(part)));
        const blob = new Blob(pieces, { type });
        const part = blob.slice(...cut);
        return [blob.size, blob.type, await blob.text(), part.size, part.type, [...(await part.bytes())]];
      },
      1000,
    ));
});
