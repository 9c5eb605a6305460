// What a manifest, a package.json and the code of a plugin may ask for.
import { code, lockOf, manifest, packages, refuses } from "./refused.ts";

const aliases = Array.from(
  { length: 9 },
  (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(", ")}]`,
);
refuses({
  "a manifest": {
    "of a megabyte": manifest(`name: x\nversion: 1.0.0\n#${"x".repeat(1e6)}\n`, /larger than/),
    "with aliases that multiply": manifest(`a0: &a0 [x, x]\n${aliases.join("\n")}\nname: *a9\n`),
    "of ten thousand levels": manifest(`name: ${"[".repeat(10_000)}`),
    "with merge keys of itself": manifest("a: &a\n  <<: *a\nname: x\nversion: 1.0.0\n"),
    "with a tag that would make an object": manifest('name: !!js/function "() => 1"\nversion: 1.0.0\n'),
    "with a key twice": manifest("name: x\nname: y\nversion: 1.0.0\n"),
    "with an entry that leads out": manifest("name: x\nversion: 1.0.0\nentry: ../../evil.ts\n"),
    "with migrations that lead out": manifest("name: x\nversion: 1.0.0\nmigrations: ../../../etc\n"),
    "with dependencies of __proto__": manifest("name: x\nversion: 1.0.0\ndependencies: { __proto__: '*' }\n"),
    "with permissions of __proto__": manifest(
      "name: x\nversion: 1.0.0\npermissions: { __proto__: { database: true } }\n",
    ),
    ...Object.fromEntries(
      [
        "__proto__",
        "constructor",
        "prototype",
        ".",
        "..",
        "con",
        "nul",
        "com1",
        "a/b",
        "../x",
        "X",
        "n\u043etes",
        "a--b",
        "core",
        "x".repeat(41),
        "-x",
      ].map((name) => [`named ${name}`, manifest(`name: "${name}"\nversion: 1.0.0\n`)]),
    ),
  },
  "a package.json": {
    "with a dependency by path": packages(
      "PLUGIN_IMPORT",
      { dependencies: { a: "file:../../secret" } },
      /no registry serves/,
    ),
    "with a dependency from a repository": packages("PLUGIN_IMPORT", {
      dependencies: { a: "git+ssh://git@example.com/a" },
    }),
    "with a dependency from an address": packages("PLUGIN_IMPORT", {
      dependencies: { a: "https://evil.example/a.tgz" },
    }),
    "with a dependency of the forge's short form": packages("PLUGIN_IMPORT", {
      dependencies: { a: "someone/a" },
    }),
    "with a dependency whose name is a path": packages("PLUGIN_IMPORT", {
      dependencies: { "../../evil": "1" },
    }),
    "with a dependency that is an option": packages("PLUGIN_IMPORT", {
      dependencies: { "--registry=x": "1" },
    }),
    "with an alias of a path": packages("PLUGIN_IMPORT", { dependencies: { a: "npm:../../evil@1" } }),
    "with overrides from elsewhere": packages("PLUGIN_IMPORT", {
      dependencies: { a: "1" },
      overrides: { b: "file:../x" },
    }),
    "with xcore itself among its packages": packages(
      "PLUGIN_IMPORT",
      { dependencies: { xcore: "*" } },
      /lists xcore/,
    ),
    "whose lock puts a package outside": packages(
      "PLUGIN_IMPORT",
      { dependencies: { a: "1" } },
      /no registry serves/,
      lockOf({ "../../evil": { version: "1.0.0" } }),
    ),
    "whose lock links a package": packages(
      "PLUGIN_IMPORT",
      { dependencies: { a: "1" } },
      /no registry serves/,
      lockOf({ "node_modules/a": { resolved: "../../secret", link: true } }),
    ),
    "whose lock takes a package from a file": packages(
      "PLUGIN_IMPORT",
      { dependencies: { a: "1" } },
      /no registry serves/,
      lockOf({ "node_modules/a": { version: "1.0.0", resolved: "file:../../secret.tgz" } }),
    ),
  },
  code: {
    "that imports a file outside": code(
      /outside/,
      'import s from "../../outside/secret.js"; console.log(s);',
    ),
    "that imports an absolute path": code(/outside/, 'import s from "/etc/passwd"; console.log(s);'),
    "that takes a path from tsconfig": code(/outside|resolve/, 'import s from "secret"; console.log(s);', {
      "tsconfig.json": '{ "compilerOptions": { "paths": { "secret": ["../outside/secret.js"] } } }',
    }),
    "of a package whose main leads out": code(/outside|resolve/, 'import s from "a"; console.log(s);', {
      "node_modules/a/package.json": '{ "main": "../../../outside/secret.js" }',
    }),
    "of a package whose exports lead out": code(
      /outside|resolve|exports/,
      'import s from "a"; console.log(s);',
      {
        "node_modules/a/package.json": '{ "exports": "./../../../outside/secret.js" }',
      },
    ),
    "whose imports map leads out": code(/outside|resolve|imports/, 'import s from "#s"; console.log(s);', {
      "package.json": '{ "imports": { "#s": "./../outside/secret.js" } }',
    }),
    "of native addons": code(/native code/, 'import "./a.node";', { "src/a.node": "" }, "PLUGIN_IMPORT"),
    "that reaches for Node": code(
      /child_process/,
      'import { exec } from "child_process"; exec("true");',
      {},
      "PLUGIN_IMPORT",
    ),
  },
});
