// Postgres by URL: encrypted and proven, or refused with the cure. A real server with a certificate of a test's own authority.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, chown, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { DatabaseService } from "../../../../src/core/services/database/database.ts";
import { postgres } from "../../../../src/core/services/database/postgres.ts";
import type { Service } from "../../../../src/core/services/service.ts";
import { hostCall, identity, openProvider } from "../../../support/services.ts";
import { startSystemPostgres, type SystemPostgres } from "../../../support/system-postgres.ts";

const run = promisify(execFile);

interface Certificates {
  ca: string;
  caFile: string;
  otherCa: string;
}

/** An authority, a certificate of it for 127.0.0.1 and db.test in the server's folder, and another authority. */
async function certify(server: SystemPostgres): Promise<Certificates> {
  const at = (file: string): string => join(server.folder, file);
  const openssl = (...args: string[]) => run("openssl", args, { cwd: server.folder });
  const authority = (name: string) =>
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
      "-keyout", `${name}.key`, "-out", `${name}.pem`, "-subj", `/CN=${name}`); // prettier-ignore
  await Promise.all([authority("ca"), authority("other")]);
  await openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=db.test"); // prettier-ignore
  await writeFile(at("names"), "subjectAltName=IP:127.0.0.1,DNS:db.test");
  await openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
    "-days", "2", "-extfile", "names", "-out", "server.crt"); // prettier-ignore
  const owner = await stat(join(server.folder, "data"));
  for (const file of ["server.key", "server.crt"]) {
    await copyFile(at(file), join(server.folder, "data", file));
    await run("chmod", ["600", join(server.folder, "data", file)]);
    await chown(join(server.folder, "data", file), owner.uid, owner.gid);
  }
  return {
    ca: await readFile(at("ca.pem"), "utf8"),
    caFile: at("ca.pem"),
    otherCa: await readFile(at("other.pem"), "utf8"),
  };
}

describe("a Postgres by URL that insists on TLS", () => {
  let server: SystemPostgres;
  let certificates: Certificates;
  before(async () => {
    server = await startSystemPostgres();
    certificates = await certify(server);
    await server.stop();
    await server.configure("ssl = on");
    await server.admit(
      "local all all trust\nhostssl all trusted 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256",
    );
    await server.start();
    await run("psql", ["-h", server.folder, "-p", String(server.port), "-U", "xcore", "-d", "postgres", "-c",
      "alter role xcore password 'p@ss/word'"]); // prettier-ignore
  });
  after(() => server[Symbol.asyncDispose]());

  const url = (
    more = "",
    { user = "xcore", password = "p%40ss%2Fword", database = "postgres" } = {},
  ): string =>
    `postgres://${user}${password === "" ? "" : `:${password}`}@127.0.0.1:${server.port}/${database}${more}`;
  const open = (address: string, ssl?: boolean | object): Promise<Service> =>
    openProvider(postgres, {
      name: "database",
      options: { url: address, ...(ssl === undefined ? {} : { ssl }) },
    });
  const encrypted = async (service: Service): Promise<boolean | undefined> => {
    const { rows } = await (service as DatabaseService).pool.query<{ ssl: boolean }>(
      "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
    );
    return rows[0]?.ssl;
  };

  test("connects encrypted where the authority is named, in the options or in the URL, and so do plugins", async () => {
    const { ca, caFile } = certificates;
    for (const [address, ssl] of [
      [url(), { ca }],
      [url(`?sslmode=require&sslrootcert=${caFile}`), undefined],
      [url(`?sslmode=verify-full&sslrootcert=${caFile}`), undefined],
      [url("?sslmode=no-verify"), undefined],
      [url(), { rejectUnauthorized: false }],
    ] as const) {
      await using service = await open(address, ssl);
      assert.equal(await encrypted(service), true);
      const facade = await service.forPlugin(identity("notes", { database: true }));
      const answer = await hostCall(facade, "db.query", { text: "select 1 as one", params: [] });
      assert.deepEqual(answer, { rows: [{ one: 1 }], rowCount: 1 });
      await facade[Symbol.asyncDispose]();
    }
  });

  test("each way to be refused is named, with its cure and without the password", async () => {
    const { ca, otherCa } = certificates;
    const refusals: readonly [string, boolean | object | undefined, RegExp, RegExp][] = [
      [url(), undefined, /takes no unencrypted connection/, /ssl: true/],
      [url(), true, /signed by no authority that is known here/, /ssl: \{ ca: /],
      [url(), { ca: otherCa }, /signed by no authority/, /ca/],
      [url(), { ca, servername: "other.test" }, /is for another name/, /servername/],
      [url("", { password: "wrong" }), { ca }, /password authentication failed/, /user and password/],
      [url("", { password: "" }), { ca }, /asks for a password/, /postgres:\/\/user:password@/],
      [url("", { database: "nowhere" }), { ca }, /"nowhere" does not exist/, /create database nowhere/],
      [url("", { user: "nobody" }), { ca }, /password authentication failed/, /user and password/],
      [url("?sslmode=prefer"), undefined, /no sslmode 'prefer'/, /verify-full/],
      [url("?sslrootcert=/no/such.pem"), undefined, /a file that it names can't be read: ENOENT/, /%40/],
      [`postgres://a:p%40ss%2Fword@127.0.0.1:1/x`, undefined, /nobody listens there/, /runs/],
      [
        `postgres://a:p%40ss%2Fword@no-such-host.invalid/x`,
        undefined,
        /'no-such-host.invalid' is not known/,
        /host/,
      ],
    ];
    for (const [address, ssl, message, hint] of refusals) {
      await assert.rejects(open(address, ssl), (error: Error & { hint?: string }) => {
        assert.match(error.message, message);
        assert.match(error.hint ?? "", hint);
        assert.doesNotMatch(`${error.message} ${error.hint} ${error.stack}`, /p@ss|p%40ss/);
        return true;
      });
    }
  });

  test("a server without TLS is refused where TLS is asked for", async () => {
    await using plain = await startSystemPostgres();
    await assert.rejects(open(plain.url, true), { message: /it has no TLS/, hint: /ssl = on/ });
  });
});
