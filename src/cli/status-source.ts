// Where a status report comes from: the control socket of this project, or the admin routes of a server elsewhere.
import { codes, type Code } from "../core/base/codes.ts";
import { XcoreError, messageOf } from "../core/base/error.ts";
import type { StatusReport } from "../core/status.ts";
import { connectControl } from "./control-client.ts";

const remoteTimeoutMs = 10_000;

/** Rejects with `SERVER_NOT_RUNNING` or `SERVER_UNREACHABLE`. */
export async function localStatus(stateFolder: string): Promise<StatusReport> {
  using control = await connectControl(stateFolder);
  return await control.call("status", {});
}

export interface Remote {
  /** The server's address, as a browser would have it: `https://shop.example.com`. */
  url: string;
  token: string | undefined;
}

/** Rejects with `SERVER_UNREACHABLE`, with the server's own error (`UNAUTHORIZED` …), or with `USAGE` for an address that is none. */
export async function remoteStatus({ url, token }: Remote): Promise<StatusReport> {
  const address = statusAddress(url);
  const response = await request(address, token);
  const body = await response.text();
  const answer = parse(body);
  if (response.ok && answer?.["version"] === 1) return answer as unknown as StatusReport;
  const code = answer?.["code"];
  if (!response.ok && typeof code === "string" && code in codes) {
    throw new XcoreError(
      code as Code,
      `${address}: ${String(answer?.["detail"] ?? answer?.["title"] ?? code)}`,
      {
        hint:
          response.status === 401
            ? "Give the server's admin token with --token or in XCORE_TOKEN; it stands in .xcore/admin-token there."
            : "Look at the server's log.",
        details: { status: response.status },
      },
    );
  }
  throw new XcoreError(
    "SERVER_UNREACHABLE",
    `${address} answers ${response.status}, not a status report of xcore`,
    {
      hint: "Check that --url is the address of an xcore server, and that its admin routes are enabled.",
      details: { status: response.status },
    },
  );
}

function statusAddress(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new XcoreError("USAGE", `--url ${url} is no address`, {
      hint: "Write it with its scheme: --url http://127.0.0.1:8082",
    });
  }
  return new URL("/_xcore/status", url).href;
}

async function request(address: string, token: string | undefined): Promise<Response> {
  try {
    return await fetch(address, {
      headers: {
        accept: "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      signal: AbortSignal.timeout(remoteTimeoutMs),
      redirect: "error",
    });
  } catch (error) {
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new XcoreError("SERVER_UNREACHABLE", `${address} can't be reached: ${messageOf(reason)}`, {
      hint: "Check the address, and that the server runs and listens on it.",
      cause: error,
    });
  }
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
