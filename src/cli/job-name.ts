// `plugin.job` as it is written on the command line.
import { XcoreError } from "../core/base/error.ts";

export interface JobName {
  plugin: string;
  name: string;
}

/** `command` is what was called, for the hint. */
export function parseJobName(text: string, command: string): JobName {
  const [, plugin, name] = /^([^.]+)\.([^.]+)$/.exec(text) ?? [];
  if (plugin !== undefined && name !== undefined) return { plugin, name };
  throw new XcoreError("USAGE", `'${text}' is not the name of a job`, {
    hint: `Write plugin and job with a dot between them: xcore job ${command} notes.digest`,
  });
}
