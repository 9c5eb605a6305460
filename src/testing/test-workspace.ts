// A project made for one test: an integration.yaml that knows one plugin, in a temporary folder.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json } from "../wire/json.ts";
import { integrationFile } from "../core/base/workspace.ts";
import type { Config } from "../core/config/config.ts";
import { readConfig } from "../core/config/read.ts";

export interface TestWorkspace extends AsyncDisposable {
  readonly config: Config;
}

export interface PluginEntry {
  config: Readonly<Record<string, Json>> | undefined;
  secrets: Readonly<Record<string, string>> | undefined;
}

export async function openTestWorkspace(plugin: string, entry: PluginEntry): Promise<TestWorkspace> {
  const folder = await mkdtemp(join(tmpdir(), "xcore-testing-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    // JSON is YAML. Nothing here comes from an environment: `$${` is how integration.yaml writes a literal `${`.
    const text = JSON.stringify({ name: "testing", plugins: { [plugin]: entry } }).replaceAll(
      "${",
      () => "$${",
    );
    await writeFile(join(folder, integrationFile), text);
    return { config: await readConfig({ workspace: folder, env: {} }), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
