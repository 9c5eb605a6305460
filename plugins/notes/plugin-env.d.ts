// Written by xcore from plugin.yaml: what this plugin may use. Changes here are overwritten.
import "xcore/plugin";

declare module "xcore/plugin" {
  interface Declared {
    permissions: "database" | "cache" | "jobs" | "call" | "events";
    call: "mailer.send";
    publish: `note.${string}`;
    subscribe: `note.${string}`;
    config: {
      type: "object";
      additionalProperties: false;
      properties: {
        digestTo: {
          type: "string";
          default: unknown;
        };
      };
    };
  }
}
