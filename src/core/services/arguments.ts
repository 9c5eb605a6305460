// Host-call arguments come from a guest: they are read here, field by field, before a facade believes them.
import type { Json } from "../../wire/json.ts";
import { XcoreError } from "../base/error.ts";
import { formatSize } from "../base/units.ts";

export class Arguments {
  readonly #call: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  /** `call` is the host call's name, for errors. */
  constructor(call: string, args: unknown) {
    this.#call = call;
    if (typeof args !== "object" || args === null || Array.isArray(args)) {
      throw new XcoreError("INPUT_INVALID", `${call}: expected an object of arguments`);
    }
    this.#fields = args as Record<string, unknown>;
  }

  #own(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  fault(name: string, expected: string): XcoreError {
    const found = this.#own(name);
    const got = found === null ? "null" : Array.isArray(found) ? "a list" : typeof found;
    return new XcoreError("INPUT_INVALID", `${this.#call}: '${name}' must be ${expected}, got ${got}`);
  }

  /** A text of 1 to `max` bytes without control characters. */
  text(name: string, max: number): string {
    const found = this.optionalText(name, max);
    if (found === undefined) throw this.fault(name, "a text");
    return found;
  }

  optionalText(name: string, max: number): string | undefined {
    const found = this.#own(name);
    if (found === undefined || found === null) return undefined;
    return this.#checkText(name, found, max);
  }

  optionalTexts(name: string, max: number, most: number): readonly string[] {
    const found = this.#own(name);
    if (found === undefined || found === null) return [];
    if (!Array.isArray(found)) throw this.fault(name, "a list of texts");
    if (found.length > most) {
      throw new XcoreError(
        "QUOTA_EXCEEDED",
        `${this.#call}: '${name}' holds ${found.length} texts; at most ${most}`,
      );
    }
    return found.map((text: unknown) => this.#checkText(name, text, max));
  }

  optionalInteger(name: string, least: number, most: number): number | undefined {
    const found = this.#own(name);
    if (found === undefined || found === null) return undefined;
    if (typeof found === "number" && Number.isInteger(found) && found >= least && found <= most) return found;
    throw this.fault(name, `a whole number from ${least} to ${most}`);
  }

  optionalBoolean(name: string): boolean | undefined {
    const found = this.#own(name);
    if (found === undefined || found === null) return undefined;
    if (typeof found === "boolean") return found;
    throw this.fault(name, "true or false");
  }

  number(name: string, least: number, most: number): number {
    const found = this.#own(name);
    if (typeof found === "number" && found >= least && found <= most) return found;
    throw this.fault(name, `a number from ${least} to ${most}`);
  }

  /** Any JSON value of at most `max` bytes as text; absent is null. */
  json(name: string, max: number): { value: Json; text: string } {
    const value = (this.#own(name) ?? null) as Json;
    const text = JSON.stringify(value);
    if (Buffer.byteLength(text) > max) {
      throw new XcoreError(
        "QUOTA_EXCEEDED",
        `${this.#call}: '${name}' is ${formatSize(Buffer.byteLength(text))}; at most ${formatSize(max)}`,
        { details: { bytes: Buffer.byteLength(text), maxBytes: max } },
      );
    }
    return { value, text };
  }

  #checkText(name: string, found: unknown, max: number): string {
    if (typeof found !== "string" || found === "") throw this.fault(name, "a text that is not empty");
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u001F\u007F]/.test(found)) throw this.fault(name, "a text without control characters");
    if (Buffer.byteLength(found) > max) {
      throw new XcoreError(
        "QUOTA_EXCEEDED",
        `${this.#call}: '${name}' is ${Buffer.byteLength(found)} bytes long; at most ${max}`,
      );
    }
    return found;
  }
}
