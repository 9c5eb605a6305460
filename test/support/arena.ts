// A real server with a good plugin under steady load, beside which hostile ones are let loose, one after another.
import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { packageFile } from "../../src/core/base/package-root.ts";
import type { PluginStatus } from "../../src/core/status.ts";
import { openTestCore, testWorkspace, until, type TestCore, type TestWorkspace } from "./workspace.ts";
import { endsOf } from "./ends.ts";
import { goodPlugin } from "./load.ts";
import { observed } from "./observed.ts";

const fixtures = "test/fixtures/plugins/hostile";

export interface ArenaOptions {
  /** Host groups by plugin; without one a hostile plugin has a host of its own. */
  isolation?: Record<string, string>;
  /** Another part of integration.yaml. */
  services?: string;
}

export interface Struck {
  /** How its own caller was answered. */
  status: number;
  text: string;
  /** The code and details of the first end that the log shows. */
  end: Record<string, unknown>;
}

export interface Arena extends AsyncDisposable {
  readonly server: TestCore;
  readonly workspace: TestWorkspace;
  /** Puts the fixture into the workspace and loads it; the status it then has. */
  load(name: string): Promise<PluginStatus>;
  unload(name: string): Promise<void>;
  /** Resolves when it answers. */
  alive(name: string): Promise<void>;
  status(name: string): Promise<PluginStatus>;
  /** As `endsOf` gives them. */
  ends(name: string, options?: { starved: boolean }): Record<string, unknown>[];
  /** Loads the fixture, asks it beside the load until that ends it, and waits until it answers again. */
  strike(t: TestContext, name: string): Promise<Struck>;
  /** Runs `attack` beside the load and tells what it did to everybody else. Fails when one request of the good plugin failed. */
  observe<Result>(t: TestContext, attack: () => Promise<Result>): Promise<Result>;
}

/** `names`: the fixtures that will be let loose. */
export async function openArena(names: readonly string[], options: ArenaOptions = {}): Promise<Arena> {
  const isolation = names.map((name) => `  ${name}: { isolation: ${options.isolation?.[name] ?? "own"} }`);
  const workspace = await testWorkspace({
    ...goodPlugin,
    "integration.yaml": [
      "name: arena",
      "server: { port: 0, drain: 500ms }",
      "admin: { token: test-token-test-token-test-token }",
      "policy: { ceilings: { memory: 256mb, cpu: 10s, timeout: 30s } }",
      ...(options.services === undefined ? [] : [options.services]),
      "plugins:",
      "  good: { isolation: own }",
      ...isolation,
    ].join("\n"),
  });
  const server = await openTestCore(workspace);
  const post = async (path: string): Promise<PluginStatus> => {
    const answer = await server.admin(path, { method: "POST" });
    const body = (await answer.json()) as PluginStatus & { code?: string };
    if (!answer.ok) throw Object.assign(new Error(`${path}: ${JSON.stringify(body)}`), { code: body.code });
    return body;
  };
  const strikeOnce = async (name: string) => {
    const [before, own] = [arena.ends(name, { starved: true }).length, arena.ends(name).length];
    const answer = await server.get(`/app/${name}/`);
    const text = await answer.text();
    await until(
      () => arena.ends(name, { starved: true }).length,
      (count) => count > before,
    );
    await arena.alive(name);
    return { status: answer.status, text, end: arena.ends(name)[own] };
  };
  const arena: Arena = {
    server,
    workspace,
    async strike(t, name) {
      await arena.load(name);
      const struck = await arena.observe(t, async () => {
        const struck = await until(
          () => strikeOnce(name),
          ({ end }) => end !== undefined,
        );
        return { ...struck, end: struck.end ?? {} };
      });
      t.diagnostic(JSON.stringify(struck.end));
      const { reason } = await arena.status(name);
      if (reason !== null) throw new Error(`'${name}' runs again and still shows ${reason.code}`);
      await arena.unload(name);
      return struck;
    },
    async load(name) {
      await cp(packageFile(join(fixtures, name)), join(workspace.folder, "plugins", name), {
        recursive: true,
      });
      return post(`/plugins/${name}/load`);
    },
    async alive(name) {
      await until(
        async () => {
          // One that the machine starved again and again was given up.
          if ((await arena.status(name)).state === "quarantined") await arena.load(name);
          return (await server.get(`/app/${name}/alive`)).status;
        },
        (status) => status === 200,
      );
    },
    async unload(name) {
      await post(`/plugins/${name}/unload`);
    },
    async status(name) {
      const { plugins } = await server.core.status();
      const found = plugins.find((plugin) => plugin.name === name);
      if (found === undefined) throw new Error(`no plugin '${name}'`);
      return found;
    },
    ends: (name, options) => endsOf(server.log, name, options),
    observe: (t, attack) => observed(server, t, attack),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await workspace[Symbol.asyncDispose]();
    },
  };
  return arena;
}
