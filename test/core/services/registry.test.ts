// Services are opened by needs, closed in reverse, and a wrong line of integration.yaml is named.
import assert from "node:assert/strict";
import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLogger } from "../../../src/core/base/log.ts";
import type { Config, ServiceConfig } from "../../../src/core/config/config.ts";
import { openServices } from "../../../src/core/services/registry.ts";
import type { Greeter } from "../../fixtures/services/greeter.ts";
import { until } from "../../support/services.ts";

const greeter = fileURLToPath(new URL("../../fixtures/services/greeter.ts", import.meta.url));

let folder: string;
let journal: string[];
before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "xcore-services-")));
});
after(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
beforeEach(() => {
  journal = [];
  (globalThis as { journal?: string[] }).journal = journal;
});

const config = (services: Record<string, ServiceConfig>): Config =>
  ({ workspace: folder, stateFolder: join(folder, ".xcore"), services }) as Config;

const driver = (name: string, options: ServiceConfig["options"] = {}): ServiceConfig => ({
  driver: name,
  module: undefined,
  options,
});
const own = (file: string, options: ServiceConfig["options"] = {}): ServiceConfig => ({
  driver: "module",
  module: file,
  options,
});

const open = (services: Record<string, ServiceConfig>, openTimeoutMs?: number) =>
  openServices(config(services), {
    logger: silentLogger,
    ...(openTimeoutMs === undefined ? {} : { openTimeoutMs }),
  });

const refused = (services: Record<string, ServiceConfig>, code: string, message: RegExp) =>
  assert.rejects(open(services), { code, message });

let files = 0;
/** A provider in a file of its own that keeps a journal of opening and closing. */
async function provider(name: string, needs: string[] = [], body = ""): Promise<ServiceConfig> {
  const file = join(folder, `provider-${(files += 1)}.ts`);
  await writeFile(
    file,
    `export default {
      driver: "test", options: { type: "object" }, needs: ${JSON.stringify(needs)},
      async open(context) {
        globalThis.journal.push("open ${name}");
        await new Promise((resolve) => setTimeout(resolve, 10));
        ${body}
        globalThis.journal.push("opened ${name}");
        return {
          driver: "test",
          needs: context.needs,
          check: async () => ({ ok: true, latencyMs: 0, detail: "fine" }),
          forPlugin: async () => ({ calls: {}, [Symbol.asyncDispose]: async () => {} }),
          removePlugin: async (plugin) => { globalThis.journal.push("${name} forgets " + plugin); },
          [Symbol.asyncDispose]: async () => { globalThis.journal.push("close ${name}"); },
        };
      },
    };`,
  );
  return own(file);
}

describe("services", () => {
  test("the embedded default opens: database, cache, jobs and events, with jobs after the database", async () => {
    await using services = await open({
      jobs: driver("agenda"),
      events: driver("memory"),
      cache: driver("memory", { ttl: "5m" }),
      database: driver("embedded"),
    });
    assert.deepEqual(services.names, ["jobs", "events", "cache", "database"]);
    const status = await services.status(2000);
    assert.deepEqual(
      status.map(({ name, driver: by, ok }) => `${name} ${by} ${ok}`),
      ["jobs agenda true", "events memory true", "cache memory true", "database embedded true"],
    );
    services.jobs.validate("notes", {});
    await services.jobs.start();
    assert.deepEqual(await services.jobs.counts(), { waiting: 0, running: 0, failed: 0 });
    await services.removePlugin("notes");
    assert.equal(services.get("mail"), undefined);
  });

  test("what is not declared is named when it is asked for", async () => {
    await using services = await open({ events: driver("memory") });
    assert.throws(() => services.jobs, { code: "SERVICE_UNAVAILABLE", message: /no service 'jobs'/ });
  });

  test("independent services open at the same time, needs first, and close in reverse", async () => {
    const services = await open({
      c: await provider("c", ["a", "b"]),
      a: await provider("a"),
      b: await provider("b"),
    });
    assert.deepEqual(journal.slice(0, 2), ["open a", "open b"]);
    assert.deepEqual(journal.slice(-2), ["open c", "opened c"]);
    journal.length = 0;
    await services.removePlugin("notes");
    await services[Symbol.asyncDispose]();
    await services[Symbol.asyncDispose]();
    assert.equal(journal[3], "close c");
    assert.deepEqual(journal.slice(4).sort(), ["close a", "close b"]);
  });

  test("when one fails, the opened ones are closed and the error names service and cause", async () => {
    const services = {
      a: await provider("a"),
      b: await provider("b", ["a"], `throw new Error("no such host");`),
      c: await provider("c", ["b"]),
    };
    await refused(services, "SERVICE_UNAVAILABLE", /^service 'b' \(test\): no such host$/);
    assert.deepEqual(journal, ["open a", "opened a", "open b", "close a"]);
  });

  test("one that never opens is given up, and closed should it open after all", async () => {
    const late = await provider("late", [], "await new Promise((resolve) => setTimeout(resolve, 200));");
    await assert.rejects(open({ late }, 50), {
      code: "SERVICE_UNAVAILABLE",
      message: /did not open within 50 ms/,
    });
    await until(() => journal.length === 3);
    assert.deepEqual(journal, ["open late", "opened late", "close late"]);
  });

  test("a circle of needs is named, and so is a need that nobody declares", async () => {
    await refused(
      { a: await provider("a", ["b"]), b: await provider("b", ["c"]), c: await provider("c", ["a"]) },
      "CONFIG_INVALID",
      /in a circle: a -> b -> c -> a/,
    );
    await refused({ jobs: driver("agenda") }, "CONFIG_INVALID", /services\.jobs needs service 'database'/);
    assert.deepEqual(journal, []);
  });

  test("wrong drivers and options are named with their path and the nearest right name", async () => {
    await refused(
      { cache: driver("rediss") },
      "CONFIG_INVALID",
      /services\.cache\.driver.*did you mean 'redis'/,
    );
    await refused({ cach: driver("memory") }, "CONFIG_INVALID", /services\.cach:.*did you mean 'cache'/);
    await refused(
      { cache: driver("memory", { tll: "5m" }) },
      "CONFIG_INVALID",
      /services\.cache\.tll: unknown key 'tll'; did you mean 'ttl'\?/,
    );
    await refused(
      { cache: driver("memory", { ttl: "5 parsecs", size: 3 }) },
      "CONFIG_INVALID",
      /services\.cache\.ttl: expected a duration such as .*services\.cache\.size: expected a size such as /s,
    );
    await refused(
      { jobs: driver("agenda", { maxWaiting: 0 }), database: driver("embedded") },
      "CONFIG_INVALID",
      /services\.jobs\.maxWaiting: expected a number of at least 1, got the number 0/,
    );
  });
});

describe("a service of one's own", () => {
  test("it opens with its options, tells its health and is closed", async () => {
    const services = await open({ greeter: own(greeter, { folder: "greetings", language: "de" }) });
    const service = services.get("greeter") as Greeter;
    assert.equal(await service.greeting(), "Hallo");
    const [status] = await services.status(1000);
    assert.deepEqual(
      [status?.name, status?.driver, status?.ok, status?.detail],
      ["greeter", "greeter", true, "greets in de"],
    );
    await rm(join(folder, "greetings", "de"));
    assert.equal((await services.status(1000))[0]?.detail, "the greeting is gone");
    await services[Symbol.asyncDispose]();
    assert.equal(await readFile(join(folder, "greetings", "closed"), "utf8"), "");
  });

  test("its options are held against its own schema", async () => {
    await refused(
      { greeter: own(greeter) },
      "CONFIG_INVALID",
      /services\.greeter\.folder: missing key 'folder'/,
    );
    await refused(
      { greeter: own(greeter, { folder: "g", language: "fr" }) },
      "CONFIG_INVALID",
      /services\.greeter\.language: expected one of en, de/,
    );
  });

  test("a file that is missing, fails, exports no provider or opens no service is named", async () => {
    const file = async (text: string): Promise<ServiceConfig> => {
      const path = join(folder, `wrong-${(files += 1)}.ts`);
      await writeFile(path, text);
      return own(path);
    };
    const wrong = async (mail: ServiceConfig, message: RegExp) =>
      refused({ mail }, "CONFIG_INVALID", message);
    await wrong(own(join(folder, "none.ts")), /services\.mail\.module: there is no file .*none\.ts/);
    await wrong(await file(`throw new Error("broken");`), /fails when it is imported: broken/);
    await wrong(await file(`export const x = 1;`), /has no default export/);
    await wrong(await file(`export default () => 1;`), /no provider but a function/);
    await wrong(
      await file(`export default { driver: "x", options: {} , needs: [] };`),
      /'open' must be a function/,
    );
    await wrong(
      await file(
        `export default { driver: "x", options: {}, needs: [], open: async () => ({ check() {} }) };`,
      ),
      /lacks forPlugin, \[Symbol\.asyncDispose\]/,
    );
  });

  test("where there are tenants, a service that does not keep them apart is refused", async () => {
    const cache = await provider("cache");
    const from = { kind: "subdomain", of: "example.test" } as const;
    const quotas = { requests: undefined, jobs: undefined, storageBytes: undefined };
    const tenants = { from, isolation: "shared", quotas } as const;
    const opening = openServices({ ...config({ cache }), tenants }, { logger: silentLogger });
    await assert.rejects(opening, {
      code: "CONFIG_INVALID",
      message: /services\.cache: .* does not keep tenants apart/,
    });
    await using _mail = await openServices({ ...config({ mail: cache }), tenants }, { logger: silentLogger });
  });

  test("a check that hangs is a service that is not well, in time", async () => {
    const stuck = await provider("stuck");
    await using services = await open({ stuck });
    const service = services.get("stuck");
    assert.ok(service !== undefined);
    service.check = () => new Promise(() => undefined);
    const [status] = await services.status(50);
    assert.equal(status?.ok, false);
    assert.match(status?.detail ?? "", /no answer within 50 ms/);
  });
});
