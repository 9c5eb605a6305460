// One action of a definition: what it takes, what it gives, who may call it.
import type { ActionDescription } from "../wire/guest-calls.ts";
import {
  checkName,
  fault,
  kindOf,
  methodOf,
  rejectUnknown,
  tableOf,
  type Handler,
} from "./definition-parts.ts";
import { describeSchema, schemaCheck, type SchemaCheck } from "./schema-check.ts";

export interface Action {
  check: SchemaCheck;
  /** Takes the checked input; what comes of it is checked, too. */
  run: Handler;
}

const members = ["description", "input", "output", "callers", "idempotent", "run"];
const callerPattern = /^[a-z][a-z0-9-]{0,39}$/;

export function readAction(name: string, given: unknown): { action: Action; data: ActionDescription } {
  const where = `actions.${name}`;
  checkName(name, where);
  const fields = tableOf(given, where, "{ input: schema, run(input, ctx) { … } }");
  rejectUnknown(fields, members, where);
  const { input, output, description } = fields;
  if (description !== undefined && typeof description !== "string") {
    throw fault(`${where}.description`, `expected text, got ${kindOf(description)}`);
  }
  const idempotent = fields["idempotent"] ?? false;
  if (typeof idempotent !== "boolean") {
    throw fault(`${where}.idempotent`, `expected true or false, got ${kindOf(idempotent)}`);
  }
  const callers = readCallers(fields["callers"], `${where}.callers`);
  const inputSchema = describeSchema(input, "input");
  const outputSchema = describeSchema(output, "output");
  return {
    action: checked(name, { input, output, run: methodOf(fields, "run", where) }),
    data: {
      ...(inputSchema === undefined ? {} : { input: inputSchema }),
      ...(outputSchema === undefined ? {} : { output: outputSchema }),
      ...(description === undefined ? {} : { description }),
      ...(callers === undefined ? {} : { callers }),
      ...(idempotent ? { idempotent } : {}),
    },
  };
}

function checked(
  name: string,
  { input, output, run }: { input: unknown; output: unknown; run: Handler },
): Action {
  const subject = `action '${name}'`;
  const check = schemaCheck(input, { subject, what: "input", code: "INPUT_INVALID" });
  if (output === undefined) return { check, run };
  const checkOutput = schemaCheck(output, { subject, what: "output", code: "OUTPUT_INVALID" });
  // Awaited, not returned: a promise that is returned is asked for a `then` that the plugin may have changed.
  return { check, run: async (given, ctx) => await checkOutput(await run(given, ctx)) };
}

function readCallers(given: unknown, where: string): string[] | undefined {
  if (given === undefined) return undefined;
  if (!Array.isArray(given)) throw fault(where, `expected a list of plugin names, got ${kindOf(given)}`);
  return given.map((name: unknown) => {
    if (typeof name === "string" && callerPattern.test(name)) return name;
    throw fault(
      where,
      `expected the name of a plugin, got ${typeof name === "string" ? `'${name}'` : kindOf(name)}`,
    );
  });
}
