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

export async function openRegistry(packages: Readonly<Record<string, Package>>): Promise<Registry> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "/").slice(1);
    requests.push(path);
    const name = path.replace(/\/-\/.*$/, "");
    const found = packages[name];
    if (found === undefined) {
      response.writeHead(404).end("{}");
      return;
    }
    const manifest = {
      name,
      version: found.version,
      ...(JSON.parse(found.files["package.json"] ?? "{}") as object),
    };
    const tarball = pack({ ...found.files, "package.json": JSON.stringify(manifest) });
    if (path.endsWith(".tgz")) {
      response.end(tarball);
      return;
    }
    const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
    const dist = { tarball: `${url}/${name}/-/${name}-${found.version}.tgz`, integrity };
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        name,
        "dist-tags": { latest: found.version },
        versions: { [found.version]: { ...manifest, dist } },
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
