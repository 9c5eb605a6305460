// The admin token: given in integration.yaml, or made once and kept in `.xcore/admin-token` (owner only).
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../base/error.ts";
import type { Config } from "../config/config.ts";

/** Keeps only the SHA-256 of the token. */
export class AdminToken {
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = digest(token);
  }

  /** Takes the same time for every wrong token. */
  matches(candidate: string): boolean {
    return timingSafeEqual(digest(candidate), this.#digest);
  }
}

export async function adminToken(config: Config): Promise<AdminToken> {
  if (config.admin.token !== undefined) return new AdminToken(config.admin.token);
  const file = join(config.stateFolder, "admin-token");
  try {
    const kept = (await readFile(file, "utf8")).trim();
    if (kept.length >= 32) return new AdminToken(kept);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  const made = randomBytes(32).toString("base64url");
  await writeFile(file, `${made}\n`, { mode: 0o600 });
  return new AdminToken(made);
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
