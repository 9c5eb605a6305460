// Pieces both schemas are made of: sizes, durations, rates, limits, permissions.
import { Type, type Static, type TSchema } from "typebox";
import { durationPattern, ratePattern, sizePattern } from "../base/units.ts";
import { nameLength, namePattern } from "./names.ts";

interface Notes {
  default?: unknown;
  examples?: unknown[];
}

export const size = (description: string, notes: Notes = {}) =>
  Type.String({
    description,
    pattern: sizePattern,
    errorMessage: 'a size such as "64mb" (units b, kb, mb, gb)',
    "x-unit": "size",
    ...notes,
  });

export const duration = (description: string, notes: Notes = {}) =>
  Type.String({
    description,
    pattern: durationPattern,
    errorMessage: 'a duration such as "200ms" or "5s" (units ms, s, m, h, d)',
    "x-unit": "duration",
    ...notes,
  });

export const rate = (description: string, notes: Notes = {}) =>
  Type.String({
    description,
    pattern: ratePattern,
    errorMessage: 'a rate such as "100/1s" or "1000/m"',
    "x-unit": "rate",
    ...notes,
  });

/** An object that takes these keys and no other. */
export const closed = <Properties extends Record<string, TSchema>>(
  properties: Properties,
  description: string,
) => Type.Object(properties, { additionalProperties: false, description });

/** A map from names to values of one kind. `keys` ends the sentence "expected …". */
export const mapOf = <Value extends TSchema>(
  value: Value,
  options: { pattern: string; keys: string; description: string },
) =>
  Type.Record(Type.String({ pattern: options.pattern }), value, {
    additionalProperties: false,
    description: options.description,
    "x-keys": options.keys,
  });

export const list = (pattern: string, expected: string, description: string, examples: string[]) =>
  Type.Array(Type.String({ pattern, errorMessage: expected, maxLength: 200 }), {
    description,
    uniqueItems: true,
    maxItems: 200,
    examples: [examples],
  });

export const secretNamePattern = "^[A-Za-z_][A-Za-z0-9_]*$";

export const limitsSchema = (description: string) =>
  closed(
    {
      memory: Type.Optional(
        size("The most memory its isolate may use; at least 8mb.", { examples: ["64mb"] }),
      ),
      cpu: Type.Optional(
        duration(
          "The longest it may compute without a pause before it is ended. While nobody waits for it, it may spend ten times that at once and a quarter of a processor in the long run.",
          { examples: ["200ms"] },
        ),
      ),
      timeout: Type.Optional(duration("The deadline of one call.", { examples: ["5s"] })),
      rate: Type.Optional(rate("Requests it answers in a period; more get 429.", { examples: ["100/1s"] })),
      streamIdle: Type.Optional(
        duration("How long nothing of a streamed answer may move before it is cut off.", {
          examples: ["2m"],
        }),
      ),
      streamTime: Type.Optional(duration("How long a streamed answer may last.", { examples: ["1h"] })),
      streamSize: Type.Optional(size("How large a streamed answer may become.", { examples: ["1gb"] })),
    },
    description,
  );

export type LimitsYaml = Static<ReturnType<typeof limitsSchema>>;

const hostPattern = String.raw`^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:\d{1,5})?$`;
const eventPattern = String.raw`^([A-Za-z0-9_-]+\.)*([A-Za-z0-9_-]+|\*)$`;
const eventRule = 'an event name such as "note.created" or "note.*"';

export const permissionsSchema = (description: string) =>
  closed(
    {
      database: Type.Optional(
        Type.Boolean({ description: "A database schema and role of its own.", default: false }),
      ),
      cache: Type.Optional(
        Type.Boolean({ description: "The cache, under a prefix of its own.", default: false }),
      ),
      jobs: Type.Optional(
        Type.Boolean({ description: "Jobs in the background and on a schedule.", default: false }),
      ),
      fetch: Type.Optional(
        list(
          hostPattern,
          'a host such as "api.example.com", "*.example.com" or "example.com:8443"',
          "Hosts it may fetch from.",
          ["api.example.com"],
        ),
      ),
      call: Type.Optional(
        list(
          String.raw`^[a-z][a-z0-9-]*\.([A-Za-z_][A-Za-z0-9_-]*|\*)$`,
          'an action such as "mailer.send" or "mailer.*"',
          "Actions of other plugins it may call.",
          ["mailer.send"],
        ),
      ),
      events: Type.Optional(
        closed(
          {
            publish: Type.Optional(list(eventPattern, eventRule, "Events it may publish.", ["note.*"])),
            subscribe: Type.Optional(list(eventPattern, eventRule, "Events it may hear.", ["user.created"])),
          },
          "Events it may publish and hear.",
        ),
      ),
      secrets: Type.Optional(
        list(secretNamePattern, 'a name such as "NOTES_TOKEN"', "Secrets it may read, by name.", [
          "NOTES_TOKEN",
        ]),
      ),
      services: Type.Optional(
        list(
          "^[A-Za-z][A-Za-z0-9_-]*$",
          'a name such as "mail"',
          "Services of the installation's own that it may use (`module:` in integration.yaml).",
          ["mail"],
        ),
      ),
    },
    description,
  );

export type PermissionsYaml = Static<ReturnType<typeof permissionsSchema>>;

export const pluginName = (description: string) =>
  Type.String({
    description,
    pattern: namePattern,
    maxLength: nameLength,
    errorMessage: 'a name such as "my-notes" (lower-case letters, digits and single dashes, at most 40)',
    examples: ["my-notes"],
  });
