// Statements of the jobs service: what fails in the database becomes an error that a plugin may read.
import { messageOf, systemCode, XcoreError } from "../../base/error.ts";
import { isConnectionFailure, sqlState } from "../database/failures.ts";
import { FullDisk } from "../database/full-disk.ts";
import type { Health } from "../service.ts";

export class DatabaseReach {
  readonly #disk = new FullDisk();

  /** Rejects with `INPUT_INVALID` where the database can't keep the data, otherwise with `SERVICE_UNAVAILABLE`. */
  async run<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof XcoreError) throw error;
      // SQLSTATE class 22: the value itself; checked nowhere else, since only Postgres knows what it can keep.
      if (/^22...$/.test(systemCode(error) ?? "")) {
        throw new XcoreError("INPUT_INVALID", `jobs: Postgres can't keep this data: ${messageOf(error)}`, {
          hint: "Texts must not hold a null character or half a surrogate pair.",
          cause: error,
        });
      }
      this.#disk.note(error);
      // Postgres' words on these name files and addresses of the host, and this may go to a plugin.
      const hidden = isConnectionFailure(error) || sqlState(error)?.startsWith("53") === true;
      const what = hidden ? "is not available" : `failed: ${messageOf(error)}`;
      throw new XcoreError("SERVICE_UNAVAILABLE", `jobs: the database ${what}`, {
        hint: "Look at xcore status; the call can be tried again.",
        cause: error,
      });
    }
  }

  /** Not well either while the disk is full. */
  judge(health: Health): Health {
    return this.#disk.judge(health);
  }
}
