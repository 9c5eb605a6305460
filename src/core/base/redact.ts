// Takes known secrets out of texts that leave the hands of those who were given them: log lines, errors.

/** Shorter ones are part of everything. */
const shortest = 6;
const deepest = 8;

export interface Redactor {
  text(text: string): string;
  /** Plain data with all of its texts and keys redacted. */
  data(value: unknown): unknown;
}

const untouched: Redactor = { text: (text) => text, data: (value) => value };

/**
 * `secrets` by name; in a text each stands as `[secret NAME]` afterwards, whether it was there as it is, as part of a URL, in
 * JSON, or in base64. Values of fewer than six characters are left alone.
 */
export function redactor(secrets: Readonly<Record<string, string>>): Redactor {
  const names = new Map<string, string>();
  for (const [name, value] of Object.entries(secrets)) {
    if (value.length < shortest) continue;
    for (const form of formsOf(value)) if (!names.has(form)) names.set(form, name);
  }
  if (names.size === 0) return untouched;
  const longestFirst = [...names.keys()].toSorted((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(literal).join("|"), "g");
  const text = (given: string): string =>
    given.replace(pattern, (found) => `[secret ${names.get(found) ?? ""}]`);
  const data = (value: unknown, depth: number): unknown => {
    if (typeof value === "string") return text(value);
    if (typeof value !== "object" || value === null || depth > deepest) return value;
    if (Array.isArray(value)) return value.map((item) => data(item, depth + 1));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [text(key), data(item, depth + 1)]));
  };
  return { text, data: (value) => data(value, 0) };
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

/** How a value appears in what programs print. */
export function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const quoted = JSON.stringify(value).slice(1, -1);
  return [
    value,
    quoted,
    encodeURIComponent(value),
    encodeURI(value),
    new URLSearchParams([["", value]]).toString().slice(1),
    bytes.toString("base64"),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
  ];
}
