// Who says yes to what a plugin asks for: the flag --allow, or a person at the terminal. --yes never grants anything.
import { stripVTControlCharacters, styleText } from "node:util";
import {
  consentByAllow,
  consentWithoutTerminal,
  newAsks,
  parseAllow,
  type Ask,
  type Consent,
  type ConsentRequest,
} from "../core/index.ts";
import { canAsk, openPrompts } from "./prompts.ts";
import { oneLine } from "./render/table.ts";

export interface ConsentOptions {
  /** Values of --allow; undefined when it was not given. */
  allow: readonly string[] | undefined;
  /** --yes: a plugin that asks for nothing is not asked about. */
  yes: boolean;
  /** What is asked: `Install it?` */
  question: string;
  show(text: string): void;
}

/** Throws `USAGE` for a wrong --allow before anything is fetched. */
export function consentOf(options: ConsentOptions): Consent {
  const given = options.allow === undefined ? undefined : consentByAllow(parseAllow(options.allow));
  return async (request) => {
    options.show(consentText(request));
    if (given !== undefined) return given(request);
    if (!canAsk()) return consentWithoutTerminal(request);
    const harmless = request.asks.length === 0;
    if (harmless && options.yes) return true;
    const prompts = await openPrompts();
    return prompts.confirm(options.question, harmless);
  };
}

/** What is about to be let in, and what it asks for, worst first. */
export function consentText(request: ConsentRequest): string {
  const { name, version, description, origin, asks, before } = request;
  const fresh = newAsks(request);
  const lines = [
    `${bold(`${clean(name)} ${clean(version)}`)}${description === "" ? "" : `: ${clean(description)}`}`,
    `from ${clean(origin)}, ${clean(request.signature)}`,
  ];
  if (request.trusted) lines.push(inTheServer);
  else if (asks.length === 0)
    lines.push("It asks for nothing: it answers requests and can reach nothing else.");
  if (asks.length === 0) return `${lines.join("\n")}\n`;
  if (before === undefined) lines.push("It wants to", ...list(asks));
  else
    lines.push(
      "It also wants to",
      ...list(fresh),
      ...(before.length > 0 ? ["It may already", ...list(before)] : []),
    );
  return `${lines.join("\n")}\n`;
}

const inTheServer =
  "It runs in the server's own process and can do whatever the server can: integration.yaml names a digest to trust.";

const list = (asks: readonly Ask[]): string[] => asks.map((one) => `  - ${clean(one.words)}`);

/** All of this was written by a stranger. */
const clean = (text: string): string => oneLine(stripVTControlCharacters(text));

const bold = (text: string): string => styleText("bold", text, { stream: process.stderr });
