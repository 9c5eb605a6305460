// The floors of the house: the linter refuses an import that goes up or round a door, and a cycle.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { after, before, describe, it } from "node:test";
import { packageFile } from "../../src/core/base/package-root.ts";

/** Every floor's own file, and what it may import; all else between these is refused. */
const floors: Record<string, { file: string; may: string[] }> = {
  wire: { file: "src/wire/x.ts", may: [] },
  guest: { file: "src/guest/x.ts", may: ["wire"] },
  base: { file: "src/core/base/x.ts", may: [] },
  config: { file: "src/core/config/x.ts", may: ["base", "wire"] },
  services: { file: "src/core/services/x.ts", may: ["config", "base", "wire"] },
  sandbox: { file: "src/core/sandbox/x.ts", may: ["base", "wire"] },
  plugins: { file: "src/core/plugins/x.ts", may: ["sandbox", "services", "config", "base", "wire"] },
  migrations: { file: "src/core/migrations/x.ts", may: ["plugins", "services", "config", "base", "wire"] },
  scaffold: { file: "src/core/scaffold/x.ts", may: ["plugins", "config", "base", "wire"] },
  http: { file: "src/core/http/x.ts", may: ["plugins", "services", "config", "base", "wire"] },
  admin: {
    file: "src/core/admin/x.ts",
    may: ["http", "migrations", "plugins", "services", "config", "base", "wire"],
  },
  testing: {
    file: "src/testing/x.ts",
    may: ["migrations", "plugins", "sandbox", "services", "config", "base", "wire"],
  },
  root: {
    file: "src/core/core.ts",
    may: [
      "admin",
      "scaffold",
      "http",
      "migrations",
      "plugins",
      "sandbox",
      "services",
      "config",
      "base",
      "wire",
    ],
  },
  cli: { file: "src/cli/x.ts", may: ["base", "root"] },
  commands: { file: "src/commands/x.ts", may: ["cli", "base", "root"] },
};

interface Finding {
  code: string;
  filename: string;
}

describe("the floors", () => {
  let folder = "";

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "xcore-floors-"));
    await cp(packageFile(".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Lints these files as if they were the repository; the names of the rules that complained, by file. */
  async function lint(files: Record<string, string>): Promise<Map<string, string[]>> {
    await rm(join(folder, "src"), { recursive: true, force: true });
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    const { promise, resolve } = Promise.withResolvers<string>();
    const oxlint = packageFile("node_modules", ".bin", "oxlint");
    execFile(process.execPath, [oxlint, "--format", "json"], { cwd: folder }, (_error, stdout) =>
      resolve(stdout),
    );
    const { diagnostics } = JSON.parse(await promise) as { diagnostics: Finding[] };
    const found = new Map<string, string[]>();
    for (const { filename, code } of diagnostics) found.set(filename, [...(found.get(filename) ?? []), code]);
    return found;
  }

  it("are kept: no floor may import what is above it", async () => {
    const files: Record<string, string> = {};
    const forbidden: string[] = [];
    const allowed: string[] = [];
    for (const [name, { file }] of Object.entries(floors))
      files[file] = `export const ${name} = "${name}";\n`;
    for (const [name, { file, may }] of Object.entries(floors)) {
      for (const [other, { file: target }] of Object.entries(floors)) {
        if (other === name) continue;
        const importer = join(dirname(file), `imports-${other}-from-${name}.ts`);
        const path = relativeImport(importer, target);
        files[importer] = `import { ${other} } from "${path}";\nexport const found = ${other};\n`;
        if (name === "root") allowed.push(importer);
        else (may.includes(other) ? allowed : forbidden).push(importer);
      }
    }
    const found = await lint(files);
    const missed = forbidden.filter((file) => found.get(file)?.some(isFloorRule) !== true);
    const wronged = allowed.filter((file) => found.get(file)?.some(isFloorRule) === true);
    assert.deepEqual({ missed, wronged }, { missed: [], wronged: [] });
  });

  it("have no cycles", async () => {
    const found = await lint({
      "src/core/base/a.ts": 'import { b } from "./b.ts";\nexport const a = () => b;\n',
      "src/core/base/b.ts": 'import { a } from "./a.ts";\nexport const b = () => a;\n',
    });
    assert.ok([...found.values()].flat().some((code) => code.includes("no-cycle")));
  });

  it("have no cycles of types either", async () => {
    const found = await lint({
      "src/core/base/a.ts": 'import type { B } from "./b.ts";\nexport interface A {\n  b: B;\n}\n',
      "src/core/base/b.ts": 'import type { A } from "./a.ts";\nexport interface B {\n  a: A;\n}\n',
    });
    assert.ok([...found.values()].flat().some((code) => code.includes("no-cycle")));
  });
});

function isFloorRule(code: string): boolean {
  return code.includes("no-restricted-imports");
}

function relativeImport(from: string, to: string): string {
  const path = posix.relative(dirname(from), to);
  return path.startsWith(".") ? path : `./${path}`;
}
