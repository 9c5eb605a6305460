// A real git server on loopback: git's own http-backend behind a small HTTP server, open or with a password.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** "GET /notes/info/refs?service=git-upload-pack", in order. */
  readonly requests: string[];
}

export interface GitServerOptions {
  /** Repositories are its subfolders. */
  root: string;
  /** `user:password` that is needed. */
  password?: string;
  /** Answers a request itself. True: it did. */
  instead?: (url: string, respond: (status: number, headers: Record<string, string>) => void) => boolean;
}

export async function openGitServer(options: GitServerOptions): Promise<GitServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const url = request.url ?? "/";
    requests.push(`${request.method} ${url}`);
    const respond = (status: number, headers: Record<string, string>): void => {
      response.writeHead(status, headers).end();
    };
    if (options.instead?.(url, respond) === true) return;
    const { password } = options;
    const given = request.headers.authorization;
    if (password !== undefined && given !== `Basic ${Buffer.from(password).toString("base64")}`) {
      respond(401, { "www-authenticate": 'Basic realm="git"' });
      return;
    }
    const [path = "", query = ""] = url.split("?");
    const backend = spawn("git", ["http-backend"], {
      env: {
        PATH: process.env["PATH"],
        GIT_PROJECT_ROOT: options.root,
        GIT_HTTP_EXPORT_ALL: "1",
        GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
        REQUEST_METHOD: request.method,
        PATH_INFO: decodeURIComponent(path),
        QUERY_STRING: query,
        CONTENT_TYPE: request.headers["content-type"] ?? "",
        HTTP_CONTENT_ENCODING: String(request.headers["content-encoding"] ?? ""),
        REMOTE_ADDR: "127.0.0.1",
      },
      stdio: ["pipe", "pipe", "ignore"],
    });
    backend.stdin.on("error", () => undefined);
    request.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    backend.on("close", () => {
      const all = Buffer.concat(chunks);
      const end = all.indexOf("\r\n\r\n");
      const headers = all
        .toString("latin1", 0, end)
        .split("\r\n")
        .map((line) => line.split(": ") as [string, string]);
      const status = headers.find(([name]) => name === "Status")?.[1] ?? "200";
      response.writeHead(
        Number.parseInt(status, 10),
        Object.fromEntries(headers.filter(([name]) => name !== "Status")),
      );
      response.end(all.subarray(end + 4));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
