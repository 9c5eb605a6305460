// A server with tenants, for tests: requests under a tenant's own host, tenants made by the admin API.
import { request as httpRequest } from "node:http";
import type { TenantStatus } from "../../src/core/services/tenants/tenant.ts";
import { openTestCore, testWorkspace, type TestCore, type TestWorkspace } from "./workspace.ts";

export interface TenantServer extends AsyncDisposable {
  readonly server: TestCore;
  readonly workspace: TestWorkspace;
  /** Asks as a client of `<tenant>.example.test`; further headers win. */
  as(tenant: string, path: string, options?: AskOptions): Promise<Answer>;
  /** Asks without a word about a tenant. */
  ask(path: string, options?: AskOptions): Promise<Answer>;
  /** One admin operation; throws what it answers when it fails. */
  admin(path: string, body?: unknown): Promise<unknown>;
  create(name: string, more?: object): Promise<TenantStatus>;
}

export interface AskOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Parsed when it is JSON. */
  body: unknown;
}

const integration = (tenants: string, more: string): string => `name: test
server: { port: 0, drain: 2s }
admin: { token: test-token-test-token-test-token }
${tenants === "" ? "" : `tenants: ${tenants}\n`}${more}`;

/** `tenants`: the section as YAML in one line. */
export async function tenantServer(
  tenants: string,
  files: Record<string, string>,
  { plugins = [], yaml = "" }: { plugins?: readonly string[]; yaml?: string } = {},
): Promise<TenantServer> {
  const workspace = await testWorkspace({ ...files, "integration.yaml": integration(tenants, yaml) });
  for (const plugin of plugins) await workspace.copyPlugin(plugin);
  let server: TestCore;
  try {
    server = await openTestCore(workspace);
  } catch (error) {
    await workspace[Symbol.asyncDispose]();
    throw error;
  }
  const ask = (path: string, options: AskOptions = {}): Promise<Answer> => send(server, path, options);
  const admin = async (path: string, body?: unknown): Promise<unknown> => {
    const token = "Bearer test-token-test-token-test-token";
    const options = body === undefined ? {} : { method: "POST", body };
    const answer = await ask(`/_xcore${path}`, { ...options, headers: { authorization: token } });
    if (answer.status !== 200) throw Object.assign(new Error(JSON.stringify(answer.body)), answer.body);
    return answer.body;
  };
  return {
    server,
    workspace,
    ask,
    admin,
    as: (tenant, path, options = {}) =>
      ask(path, { ...options, headers: { host: `${tenant}.example.test`, ...options.headers } }),
    create: async (name, more = {}) => (await admin("/tenants", { name, ...more })) as TenantStatus,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await workspace[Symbol.asyncDispose]();
    },
  };
}

/** By node:http, since fetch does not let anybody choose a host. */
async function send(
  server: TestCore,
  path: string,
  { method = "GET", headers = {}, body }: AskOptions,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const url = new URL(path, server.core.address);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const type =
    text === undefined
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  const request = httpRequest(url, { method, headers: { ...type, ...headers } }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", reject);
    response.on("end", () => {
      const got = Buffer.concat(chunks).toString();
      const json = /json/.test(String(response.headers["content-type"])) && got !== "";
      const parsed: unknown = json ? JSON.parse(got) : got;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed });
    });
  });
  request.on("error", reject);
  request.end(text);
  return promise;
}
