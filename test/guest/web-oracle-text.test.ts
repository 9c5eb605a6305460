// URLs, encodings and base64 inside give what Node gives, for thousands of inputs each.
import { after, before, suite, test } from "node:test";
import * as fc from "fast-check";
import type { Json } from "../../src/wire/json.ts";
import { Guest } from "./harness.ts";
import { agree, bytes, made, text, words } from "./twin.ts";

let guest: Guest;

const addresses = made([
  ...words(
    "http: https: ws: foo: mailto: // / \\ ? # @ : .. . %2e % %41 [::1] [1:2::3] [ ] 127.0.0.1 0x7f.1 256 1",
  ),
  ...words("example.com ä EXAMPLE 80 443 65536 a b | ^ ` { \" ' < = 💩 \ud800 日本.jp ＧＯ.com faß.de"),
  " ",
  "\t",
  "\n",
  "\0",
  "\u00AD",
]);
const query = made([...words("a b & = + % 2 0 ä ~ * ' 💩 ?"), " "]);
suite("text on the web, inside as in Node", () => {
  before(async () => {
    guest = await Guest.load(`import { definePlugin } from "xcore/plugin"; export default definePlugin({});`);
  });
  after(() => guest[Symbol.dispose]());

  test("URL parses and resolves", () =>
    agree(
      guest,
      fc.record({
        input: fc.oneof(
          addresses,
          addresses.map((rest) => `http://${rest}`),
        ),
        base: fc.constantFrom(null, "http://u:p@h.example:81/a/b?c#d", "foo:/x/y", "foo://h/x", "mailto:z"),
      }),
      ({ input, base }) => {
        const url = new URL(input, base ?? undefined);
        const { href, origin, protocol, username, password, host, hostname } = url;
        const { port, pathname, search, hash } = url;
        const parts = [
          href,
          origin,
          protocol,
          username,
          password,
          host,
          hostname,
          port,
          pathname,
          search,
          hash,
        ];
        return [...parts, URL.canParse(href), [...url.searchParams]];
      },
      3000,
    ));

  test("URL's parts are set", () =>
    agree(
      guest,
      fc.record({
        start: fc.constantFrom("http://u:p@h.example:81/a/b?c#d", "https://x.test", "foo://h/x", "mailto:z"),
        part: fc.constantFrom(
          ...(["href", "protocol", "username", "password", "host", "hostname", "port"] as const),
          ...(["pathname", "search", "hash"] as const),
        ),
        value: addresses,
      }),
      ({ start, part, value }) => {
        const url = new URL(start);
        url[part] = value;
        return [url.href, [...url.searchParams]];
      },
    ));

  test("URLSearchParams reads, changes, sorts and writes", () =>
    agree(
      guest,
      fc.record({
        init: fc.oneof(
          // Node reads escapes that are no UTF-8 wrongly when there are other characters beside them.
          query.map((chosen) => (chosen.includes("%") ? chosen.replace(/[^\0-\x7f]/gu, "") : chosen)),
          fc.array(fc.array(query, { maxLength: 3 })),
          fc.array(fc.tuple(query, query)),
          fc.dictionary(query, query),
        ),
        steps: fc.array(
          fc.record({
            call: fc.constantFrom("append", "set", "delete", "drop", "sort"),
            name: query,
            value: query,
          }),
          { maxLength: 6 },
        ),
      }),
      ({ init, steps }) => {
        const params = new URLSearchParams(init as string[][]);
        const seen: Json[] = [];
        for (const { call, name, value } of steps) {
          if (call === "append" || call === "set") params[call](name, value);
          else if (call === "sort") params.sort();
          else params.delete(name, ...(call === "drop" ? [value] : []));
          seen.push(params.get(name), params.getAll(name), params.has(name), params.has(name, value));
        }
        const written = String(params);
        return [written, [...params], params.size, [...new URLSearchParams(written)], seen];
      },
    ));

  test("TextDecoder decodes in chunks, fatal or not, with or without a mark", () =>
    agree(
      guest,
      fc.record({
        label: fc.constantFrom(
          "utf-8",
          "UTF8",
          " utf-8\n",
          "utf-16le",
          "utf-16be",
          "latin1",
          "ascii",
          "koi9",
        ),
        options: fc.record({ fatal: fc.boolean(), ignoreBOM: fc.boolean() }),
        chunks: fc.array(bytes, { maxLength: 4 }),
      }),
      ({ label, options, chunks }) => {
        const decoder = new TextDecoder(label, options);
        const pieces = chunks.map((chunk) => decoder.decode(Uint8Array.from(chunk), { stream: true }));
        const rest = decoder.decode();
        const { encoding, fatal, ignoreBOM } = decoder;
        return [encoding, fatal, ignoreBOM, pieces, rest, decoder.decode(Uint8Array.from(chunks.flat()))];
      },
      3000,
    ));

  test("TextEncoder, atob and btoa", async () => {
    await agree(
      guest,
      fc.record({ given: text, room: fc.integer({ min: 0, max: 20 }) }),
      ({ given, room }) => {
        const target = new Uint8Array(room);
        const { read, written } = new TextEncoder().encodeInto(given, target);
        return [[...new TextEncoder().encode(given)], read, written, [...target]];
      },
    );
    await agree(guest, made([...words("A z 0 + / = - ä"), " ", "\n", "\f"], 10), (given) => atob(given));
    await agree(
      guest,
      fc
        .array(fc.integer({ min: 0, max: 257 }), { maxLength: 10 })
        .map((codes) => String.fromCharCode(...codes)),
      (given) => [btoa(given), atob(btoa(given))],
    );
  });
});
