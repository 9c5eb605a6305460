// Host calls that no service answers: other plugins' actions and the plugin's own secrets.
import { Type } from "typebox";
import { Value } from "typebox/value";
import type { Json } from "../../wire/json.ts";
import { XcoreError } from "../base/error.ts";
import { matchesAny } from "../services/events/pattern.ts";
import type { ActionCall } from "./action-calls.ts";
import type { Facade, HostCallContext, PluginIdentity } from "../services/service.ts";

const CallArguments = Type.Object({ plugin: Type.String(), action: Type.String(), input: Type.Unknown() });
const SecretArguments = Type.Object({ name: Type.String() });

/** Runs an action of any plugin; the permission of the caller is checked before it is called. */
export type CallAction = (plugin: string, call: ActionCall) => Promise<Json>;

export function actionCalls(plugin: PluginIdentity, call: CallAction): Facade["calls"] {
  return {
    async "actions.call"(args: unknown, context: HostCallContext) {
      if (!Value.Check(CallArguments, args)) {
        throw new XcoreError("INPUT_INVALID", "call: a plugin, an action and an input are needed");
      }
      const target = `${args.plugin}.${args.action}`;
      if (!matchesAny(plugin.permissions.call, target)) {
        throw new XcoreError(
          "PERMISSION_UNDECLARED",
          `plugin '${plugin.name}' may not call '${target}'; allowed are: ${plugin.permissions.call.join(", ")}`,
          { hint: `Add it to permissions.call in plugin.yaml and run xcore plugin approve ${plugin.name}.` },
        );
      }
      return await call(args.plugin, {
        caller: plugin.name,
        action: args.action,
        input: args.input as Json,
        origin: context.origin,
        timeoutMs: context.timeoutMs,
        signal: context.signal,
      });
    },
  };
}

export function secretCalls(plugin: PluginIdentity): Facade["calls"] {
  return {
    async "secrets.get"(args: unknown) {
      const name = Value.Check(SecretArguments, args) ? args.name : "";
      const value = plugin.permissions.secrets.includes(name) ? plugin.secrets[name] : undefined;
      if (value !== undefined) return value;
      throw new XcoreError(
        "PERMISSION_UNDECLARED",
        `plugin '${plugin.name}' may not read the secret '${name}'`,
        {
          hint: "Add it to permissions.secrets in plugin.yaml.",
        },
      );
    },
  };
}
