// What is said of a tenant on the command line.
import * as Flags from "@oclif/core/flags";
import { XcoreError } from "../core/base/error.ts";
import type { Operations } from "../core/index.ts";

type Settings = Omit<Operations["tenant.set"]["params"], "name">;

export const tenantFlags = {
  plugin: Flags.string({
    char: "p",
    multiple: true,
    summary: "A plugin it may use, instead of all; give it once for each. 'all' lifts it.",
  }),
  requests: Flags.string({
    summary: "Requests it may make on each server, such as 600/1m; 'none' for no bound.",
  }),
  jobs: Flags.string({ summary: "Jobs it may have waiting, such as 1000; 'none' for no bound." }),
  storage: Flags.string({ summary: "What it may keep in the database, such as 1gb; 'none' for no bound." }),
};

/** Only what was given. */
export function tenantSettings(flags: {
  plugin: string[] | undefined;
  requests: string | undefined;
  jobs: string | undefined;
  storage: string | undefined;
}): Settings {
  const { plugin, requests, jobs, storage } = flags;
  return {
    ...(plugin === undefined ? {} : { plugins: plugin.includes("all") ? null : plugin }),
    ...(requests === undefined ? {} : { requests: requests === "none" ? null : requests }),
    ...(jobs === undefined ? {} : { jobs: jobs === "none" ? null : count(jobs) }),
    ...(storage === undefined ? {} : { storage: storage === "none" ? null : storage }),
  };
}

function count(text: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  throw new XcoreError("USAGE", `--jobs ${text} is no number of jobs`, {
    hint: "Write a whole number from 1, or none: --jobs 1000",
  });
}
