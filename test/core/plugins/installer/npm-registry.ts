// A registry on loopback that serves made-up packages, as npm asks for them.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { Header } from "tar";

export interface Registry extends AsyncDisposable {
  readonly url: string;
  readonly requests: string[];
}

export interface Package {
  version: string;
  files: Readonly<Record<string, string>>;
}

function pack(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).map(([path, content]) => {
    const head = Buffer.alloc(512);
    const body = Buffer.from(content);
    new Header({
      path: `package/${path}`,
      mode: 0o644,
      type: "File",
      size: body.length,
      mtime: new Date(0),
    }).encode(head, 0);
    return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

export interface RegistryOptions {
  /** `Bearer …` that is needed. */
  authorization?: string;
  /** Changes a tarball as it is sent. */
  tamper?: (tarball: Buffer) => Buffer;
}

/** Several releases of one package: the last is the newest. */
export async function openRegistry(
  packages: Readonly<Record<string, Package | readonly Package[]>>,
  options: RegistryOptions = {},
): Promise<Registry> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/").slice(1);
    requests.push(path);
    if (options.authorization !== undefined && request.headers.authorization !== options.authorization) {
      response.writeHead(401).end("{}");
      return;
    }
    const name = path.replace(/\/-\/.*$/, "");
    const releases = [packages[name] ?? []].flat();
    const latest = releases.at(-1);
    if (latest === undefined) {
      response.writeHead(404).end("{}");
      return;
    }
    const served = releases.map((found) => releaseOf(name, found));
    if (path.endsWith(".tgz")) {
      const found = served.find(({ manifest }) => path.endsWith(`-${manifest.version}.tgz`));
      if (found === undefined) response.writeHead(404).end();
      else response.end(options.tamper?.(found.tarball) ?? found.tarball);
      return;
    }
    const versions = served.map(({ manifest, tarball }) => {
      const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
      const dist = { tarball: `${url}/${name}/-/${name}-${manifest.version}.tgz`, integrity };
      return [manifest.version, { ...manifest, dist }];
    });
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        name,
        "dist-tags": { latest: latest.version },
        versions: Object.fromEntries(versions) as object,
      }),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function releaseOf(name: string, found: Package) {
  const manifest = {
    name,
    version: found.version,
    ...(JSON.parse(found.files["package.json"] ?? "{}") as object),
  };
  return { manifest, tarball: pack({ ...found.files, "package.json": JSON.stringify(manifest) }) };
}
