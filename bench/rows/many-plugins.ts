// What a request costs among many plugins, and how long a server with many takes to start.
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { compare, type Target } from "../compare.ts";
import { median } from "../figures.ts";
import type { Family, Plan } from "../plan.ts";
import type { Subject } from "../subject.ts";
import type { Row } from "../table.ts";
import { integration, makeWorkspace, plugin, serve, type Workspace } from "../workspace.ts";

export const manyPlugins: Family = { name: "plugins", run };

const source = 'export default definePlugin({ routes: { "GET /": () => ({ message: "Hello, world!" }) } });';

/** A project with plugins p1 to p<count>, each with one small route. */
export function projectOf(count: number, options: { isolation: "shared" | "own" }): Promise<Workspace> {
  const names = pluginNames(count);
  const placed = names.map((name) => `  ${name}: { isolation: ${options.isolation} }\n`).join("");
  return makeWorkspace({
    "integration.yaml": integration(`plugins:\n${placed}`),
    ...Object.assign({}, ...names.map((name) => plugin(name, source))),
  });
}

export function pluginNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `p${index + 1}`);
}

async function* run(plan: Plan): AsyncGenerator<Row[]> {
  yield await costRows(plan);
  yield await bootRows("shared", plan);
  yield await bootRows("own", plan);
}

async function costRows(plan: Plan): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const started = new Map<number, Subject>();
  for (const count of [1, 10, plan.many]) {
    plan.say(`starts a server with ${count} plugin(s)`);
    const workspace = stack.use(await projectOf(count, { isolation: "shared" }));
    started.set(count, stack.use(await serve(workspace, { name: `${count} loaded` })));
  }
  const targets: Target[] = [...started].map(([, subject]) => ({ subject, path: "/app/p1/" }));
  for (const [count, subject] of started) {
    if (count === 1) continue;
    const path = pluginNames(count).map((name) => `/app/${name}/`);
    targets.push({ subject: { ...subject, name: `${count} called in turn` }, path });
  }
  plan.say("50 connections");
  const figures = await compare(targets, { connections: 50 }, plan);
  return targets.slice(1).map(({ subject: { name } }) => ({
    what: `CPU per request, ${name}, against 1 plugin`,
    value: figures.ratio(name, "1 loaded", "cpuUs"),
    unit: "x",
    ...(name.startsWith(String(plan.many)) ? { goal: { atMost: 1.1 } } : {}),
    measured: `${figures.of(name, "cpuUs").toFixed(0)} us against ${figures.of("1 loaded", "cpuUs").toFixed(0)} us, ${Math.round(figures.of(name, "perSecond")).toLocaleString("en")} requests/s`,
  }));
}

const bootPlugins = 50;
const patienceMs = 60_000;

async function bootRows(isolation: "shared" | "own", plan: Plan): Promise<Row[]> {
  await using workspace = await projectOf(bootPlugins, { isolation });
  const listens: number[] = [];
  const readies: number[] = [];
  const firsts: number[] = [];
  const alls: number[] = [];
  const names = pluginNames(bootPlugins);
  // The first start makes the embedded Postgres.
  for (let start = -1; start < Math.min(3, plan.samples); start += 1) {
    plan.say(`boots ${bootPlugins} plugins, isolation ${isolation}`);
    const port = await freePort();
    const began = performance.now();
    const serving = serve(workspace, { port });
    serving.catch(() => undefined);
    await untilOpen(port, serving);
    const listensMs = performance.now() - began;
    const answering = Promise.all(
      names.map(async (name) => {
        // Until the plugins are known, and when one takes longer to load than an answer may, it is asked again.
        while ((await statusOf(`http://127.0.0.1:${port}/app/${name}/`)) !== 200) {
          if (performance.now() - began > patienceMs) throw new Error(`plugin ${name} never answered`);
          await sleep(5);
        }
        return performance.now() - began;
      }),
    );
    await using server = await serving;
    const answered = await answering;
    if (start < 0) continue;
    listens.push(listensMs);
    readies.push(server.startMs);
    firsts.push(Math.min(...answered));
    alls.push(Math.max(...answered));
  }
  const title = `boot with ${bootPlugins} plugins, ${isolation === "shared" ? "in one shared host" : "each in a host of its own"}`;
  return [
    {
      what: `${title}: all answer`,
      value: median(alls),
      unit: "ms",
      goal: { atMost: isolation === "shared" ? 1500 : 6000 },
      measured: `listens after ${median(listens).toFixed(0)} ms, says that it is ready after ${median(readies).toFixed(0)} ms`,
    },
    { what: `${title}: the first answers`, value: median(firsts), unit: "ms", goal: { atMost: 500 } },
  ];
}

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}

/** Waits until something listens, without the server's help: it says so only when all is loaded. */
async function untilOpen(port: number, serving: Promise<unknown>): Promise<void> {
  let failed: unknown;
  serving.catch((error: unknown) => (failed = error));
  for (;;) {
    const socket = connect({ host: "127.0.0.1", port });
    const open = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    if (failed !== undefined) throw failed;
    await sleep(2);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
