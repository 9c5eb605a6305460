// Real services for tests: an embedded Postgres in a temporary folder, a redis-server on a free port, and who asks.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "typebox/value";
import type { Permissions } from "../../src/core/config/config.ts";
import { silentLogger, type Logger } from "../../src/core/base/log.ts";
import type { CallOrigin } from "../../src/core/base/origin.ts";
import type { CallTenant } from "../../src/core/base/tenant.ts";
import type { DatabaseService } from "../../src/core/services/database/database.ts";
import { embeddedPostgres } from "../../src/core/services/database/embedded-postgres.ts";
import { pglite } from "../../src/core/services/database/pglite.ts";
import { postgres } from "../../src/core/services/database/postgres.ts";
import type { Facade, PluginIdentity, Provider, Service } from "../../src/core/services/service.ts";
import { redisServerPath } from "../../scripts/test-parts.ts";
import { giveDatabase } from "./database-template.ts";
import { freePort } from "./ports.ts";
import { startSystemPostgres } from "./system-postgres.ts";

export { freePort };

export interface OpenOptions {
  name?: string;
  options?: Record<string, unknown>;
  needs?: Record<string, Service>;
  logger?: Logger;
  folder?: string;
}

/** Opens a provider as the registry would. */
export function openProvider<Options>(
  provider: Provider<Options>,
  given: OpenOptions = {},
): Promise<Service> {
  const options = Value.Default(provider.options, { ...given.options }) as Options;
  const folder = given.folder ?? tmpdir();
  return provider.open({
    name: given.name ?? provider.driver,
    options,
    workspace: folder,
    stateFolder: join(folder, ".xcore"),
    logger: given.logger ?? silentLogger,
    needs: given.needs ?? {},
  });
}

export interface TestDatabase extends AsyncDisposable {
  readonly service: DatabaseService;
}

export async function testDatabase(): Promise<TestDatabase> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "xcore-db-")));
  await giveDatabase(join(folder, ".xcore"));
  const service = (await openProvider(embeddedPostgres, { name: "database", folder })) as DatabaseService;
  return {
    service,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** PGlite in this process, in a temporary folder. */
export async function testPglite(): Promise<TestDatabase> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "xcore-db-")));
  // It computes in this very thread, which a busy machine makes slow.
  const options = { statementTimeout: "60s" };
  const service = (await openProvider(pglite, { name: "database", folder, options })) as DatabaseService;
  return {
    service,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** A system Postgres of Debian's, reached through the `postgres` driver by URL. */
export async function testSystemDatabase(): Promise<TestDatabase> {
  const server = await startSystemPostgres();
  try {
    const options = { url: server.url };
    const folder = server.folder;
    const service = (await openProvider(postgres, { name: "database", folder, options })) as DatabaseService;
    return {
      service,
      async [Symbol.asyncDispose]() {
        await service[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A redis-server that keeps nothing, on a port that was free. */
export async function testRedis(): Promise<TestRedis> {
  const program = await redisServerPath();
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "xcore-redis-"));
  let child = await run();
  async function run() {
    const started = spawn(
      program,
      ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder],
      { stdio: "ignore" },
    );
    for (let tries = 0; !(await accepts(port)); tries += 1) {
      if (tries > 2400) throw new Error("redis-server did not come up");
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return started;
  }
  async function stop(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0;
    },
    stop,
    async start() {
      child = await run();
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const noPermissions: Permissions = {
  database: false,
  cache: false,
  jobs: false,
  fetch: [],
  call: [],
  events: { publish: [], subscribe: [] },
  secrets: [],
  services: [],
};

export function identity(name: string, permissions: Partial<Permissions> = {}): PluginIdentity {
  return {
    name,
    permissions: { ...noPermissions, ...permissions },
    limits: {
      memoryBytes: 64 * 1024 ** 2,
      cpuMs: 200,
      timeoutMs: 5000,
      rate: undefined,
      streamIdleMs: 120_000,
      streamTimeMs: 3_600_000,
      streamBytes: 1024 ** 3,
    },
    secrets: {},
    own: true,
  };
}

/** One host call as the plugin would make it. */
export async function hostCall(
  facade: Facade,
  name: keyof Facade["calls"],
  args: unknown,
  origin: CallOrigin = {},
): Promise<unknown> {
  const handler = facade.calls[name];
  if (handler === undefined) throw new Error(`the facade has no ${name}`);
  return handler(args, { signal: new AbortController().signal, timeoutMs: 60_000, origin });
}

/** A tenant that is active and reaches every plugin. */
export function testTenant(id: string, more: Partial<CallTenant> = {}): CallTenant {
  return {
    id,
    serial: 1,
    maxJobs: undefined,
    maxBytes: undefined,
    reaches: () => true,
    assertActive() {},
    ...more,
  };
}

/** Resolves as soon as `test` says true; rejects after `ms`, which is meant for what never comes, not for what is slow. */
export async function until(test: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await test())) {
    if (performance.now() > end) throw new Error(`not true within ${ms} ms: ${test.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
