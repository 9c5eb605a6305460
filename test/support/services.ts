// Real services for tests: an embedded Postgres in a temporary folder, a redis-server on a free port, and who asks.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Value } from "typebox/value";
import type { Permissions } from "../../src/core/config/config.ts";
import { silentLogger, type Logger } from "../../src/core/base/log.ts";
import type { DatabaseService } from "../../src/core/services/database/database.ts";
import { embeddedPostgres } from "../../src/core/services/database/embedded-postgres.ts";
import { postgres } from "../../src/core/services/database/postgres.ts";
import type { Facade, PluginIdentity, Provider, Service } from "../../src/core/services/service.ts";
import { redisServerPath, systemPostgresBin } from "../../scripts/test-parts.ts";

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
  const service = (await openProvider(embeddedPostgres, { name: "database", folder })) as DatabaseService;
  return {
    service,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** A system Postgres of Debian's with a data folder of its own, reached through the `postgres` driver by URL. */
export async function testSystemDatabase(): Promise<TestDatabase> {
  const bin = await systemPostgresBin();
  const folder = await realpath(await mkdtemp(join(tmpdir(), "xcore-pg-")));
  // Postgres refuses root; Debian's package brings a user for it.
  const user = process.getuid?.() === 0 ? await ownerOf("postgres") : undefined;
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, "data");
  const run = promisify(execFile);
  await run(join(bin, "initdb"), ["-D", data, "-U", "xcore", "-A", "trust", "--no-sync"], {
    ...user,
    cwd: folder,
  });
  const port = await freePort();
  const settings = ["-p", String(port), "-c", "listen_addresses=127.0.0.1", "-k", folder, "-c", "fsync=off"];
  const server = spawn(join(bin, "postgres"), ["-D", data, ...settings], {
    ...user,
    cwd: folder,
    stdio: "ignore",
  });
  const close = async (): Promise<void> => {
    const ended = once(server, "exit");
    server.kill("SIGINT");
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  const options = { url: `postgres://xcore@127.0.0.1:${port}/postgres` };
  for (let tries = 1; ; tries += 1) {
    try {
      const service = (await openProvider(postgres, {
        name: "database",
        folder,
        options,
      })) as DatabaseService;
      return {
        service,
        async [Symbol.asyncDispose]() {
          await service[Symbol.asyncDispose]();
          await close();
        },
      };
    } catch (error) {
      if (tries < 100 && server.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 50));
      else {
        if (server.exitCode === null) await close();
        throw error;
      }
    }
  }
}

async function ownerOf(name: string): Promise<{ uid: number; gid: number }> {
  const line = (await readFile("/etc/passwd", "utf8"))
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`there is no user '${name}'`);
  return { uid: Number(uid), gid: Number(gid) };
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
      if (tries > 200) throw new Error("redis-server did not come up");
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

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
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
};

export function identity(name: string, permissions: Partial<Permissions> = {}): PluginIdentity {
  return {
    name,
    permissions: { ...noPermissions, ...permissions },
    limits: { memoryBytes: 64 * 1024 ** 2, cpuMs: 200, timeoutMs: 5000, rate: undefined },
    secrets: {},
  };
}

/** One host call as the plugin would make it. */
export async function hostCall(facade: Facade, name: keyof Facade["calls"], args: unknown): Promise<unknown> {
  const handler = facade.calls[name];
  if (handler === undefined) throw new Error(`the facade has no ${name}`);
  return handler(args, { signal: new AbortController().signal, timeoutMs: 5000 });
}

/** Resolves as soon as `test` says true; rejects after `ms`. */
export async function until(test: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await test())) {
    if (performance.now() > end) throw new Error(`not true within ${ms} ms: ${test.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
