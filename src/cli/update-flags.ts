// Flags that updating and rolling back share.
import * as Flags from "@oclif/core/flags";

export const allowFlag = Flags.string({
  summary: "Permissions you allow, for scripts: database,fetch=api.example.com,…",
  multiple: true,
  multipleNonGreedy: true,
});

export const breakFlag = Flags.boolean({
  summary: "Go on although plugins that need it no longer get what they need.",
});
