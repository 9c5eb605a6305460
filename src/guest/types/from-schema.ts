// The TypeScript type a JSON Schema literal describes: the everyday keywords, `Json` for whatever is beyond them.
import type { Json } from "../../wire/json.ts";

/** Pass the schema `as const`, or let `definePlugin` infer it. Properties with a `default` count as present. */
export type FromSchema<Schema> = Schema extends { const: infer Value }
  ? Value
  : Schema extends { enum: readonly (infer Value)[] }
    ? Value
    : Schema extends { anyOf: readonly (infer Branch)[] }
      ? OneOf<Branch>
      : Schema extends { oneOf: readonly (infer Branch)[] }
        ? OneOf<Branch>
        : Schema extends { type: readonly (infer Name)[] }
          ? OfType<Name, Schema>
          : Schema extends { type: infer Name }
            ? OfType<Name, Schema>
            : Schema extends { properties: object }
              ? OfType<"object", Schema>
              : Json;

type OneOf<Branch> = Branch extends unknown ? FromSchema<Branch> : never;

type OfType<Name, Schema> = Name extends "string"
  ? string
  : Name extends "number" | "integer"
    ? number
    : Name extends "boolean"
      ? boolean
      : Name extends "null"
        ? null
        : Name extends "array"
          ? Schema extends { items: infer Items }
            ? FromSchema<Items>[]
            : Json[]
          : Name extends "object"
            ? ObjectFrom<Schema>
            : Json;

type ObjectFrom<Schema> = Schema extends { properties: infer Properties }
  ? Flat<
      {
        -readonly [
          Key in keyof Properties as Key extends PresentKey<Schema, Properties> ? Key : never
        ]: FromSchema<Properties[Key]>;
      } & {
        -readonly [
          Key in keyof Properties as Key extends PresentKey<Schema, Properties> ? never : Key
        ]?: FromSchema<Properties[Key]>;
      }
    >
  : Schema extends { additionalProperties: infer Values extends object }
    ? Record<string, FromSchema<Values>>
    : Record<string, Json>;

type PresentKey<Schema, Properties> =
  | (Schema extends { required: readonly (infer Key)[] } ? Key : never)
  | {
      [Key in keyof Properties]: Properties[Key] extends { default: unknown } ? Key : never;
    }[keyof Properties];

type Flat<Fields> = { [Key in keyof Fields]: Fields[Key] };
