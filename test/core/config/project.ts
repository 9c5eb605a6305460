// A temporary project with an integration.yaml, for tests that read it.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { XcoreError } from "../../../src/core/base/error.ts";
import type { FaultReport } from "../../../src/core/config/faults.ts";

export interface Project extends AsyncDisposable {
  readonly folder: string;
  write(path: string, text: string | Uint8Array): Promise<string>;
}

export async function makeProject(files: Readonly<Record<string, string>> = {}): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), "xcore-config-"));
  const write = async (path: string, text: string | Uint8Array): Promise<string> => {
    const full = join(folder, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, text);
    return full;
  };
  for (const [path, text] of Object.entries(files)) await write(path, text);
  return { folder, write, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** The XcoreError that `work` must reject with. */
export async function errorOf(work: Promise<unknown>): Promise<XcoreError> {
  const result = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (result instanceof XcoreError) return result;
  throw new Error(`expected an XcoreError, got ${String(result)}`, { cause: result });
}

export function faultsOf(error: XcoreError): readonly FaultReport[] {
  return error.details["errors"] as FaultReport[];
}
