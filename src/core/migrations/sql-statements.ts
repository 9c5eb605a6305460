// Splits SQL text into its statements, so that a failing one can be named with its line. Knows Postgres' quotes, dollar
// quotes, comments and the semicolons inside of parentheses and of BEGIN ATOMIC … END; understands nothing else.

export interface Statement {
  readonly text: string;
  /** Of its first word, counted from 1 in the text that was split. */
  readonly line: number;
}

/** Skips, from `at`, what may hold a semicolon that ends nothing; the position after it, or `at` when nothing is there. */
function skipQuoted(sql: string, at: number): number {
  const char = sql[at];
  const next = sql[at + 1];
  if (char === "-" && next === "-") return endOf(sql, "\n", at);
  if (char === "/" && next === "*") return skipComment(sql, at);
  if (char === '"') return skipQuote(sql, at, false);
  if (char === "'") return skipQuote(sql, at, /(^|[^\w$])e$/i.test(sql.slice(Math.max(0, at - 2), at)));
  if (char === "$" && !/[\w$]/.test(sql[at - 1] ?? " ")) {
    const tag = /^\$([A-Za-z_\u0080-\uFFFF][\w\u0080-\uFFFF]*)?\$/.exec(sql.slice(at, at + 66))?.[0];
    if (tag !== undefined) return endOf(sql, tag, at + tag.length);
  }
  return at;
}

function endOf(sql: string, mark: string, from: number): number {
  const found = sql.indexOf(mark, from);
  return found === -1 ? sql.length : found + mark.length;
}

/** A doubled quote inside needs no care: the text goes on as another quoted one. */
function skipQuote(sql: string, at: number, backslashes: boolean): number {
  const quote = sql[at];
  for (let end = at + 1; end < sql.length; end += 1) {
    if (backslashes && sql[end] === "\\") end += 1;
    else if (sql[end] === quote) return end + 1;
  }
  return sql.length;
}

function skipComment(sql: string, at: number): number {
  let depth = 0;
  for (let end = at; end < sql.length; end += 1) {
    const pair = sql.slice(end, end + 2);
    if (pair === "/*") depth += 1;
    else if (pair === "*/") depth -= 1;
    else continue;
    end += 1;
    if (depth === 0) return end + 1;
  }
  return sql.length;
}

/** Nothing of comments or blanks between statements is kept; what follows the last semicolon is one too. */
export function splitStatements(sql: string): Statement[] {
  const statements: Statement[] = [];
  let start: number | undefined;
  let parens = 0;
  let body = new BodyDepth();
  const finish = (end: number): void => {
    if (start !== undefined) {
      statements.push({ text: sql.slice(start, end).trimEnd(), line: lineAt(sql, start) });
    }
    start = undefined;
    parens = 0;
    body = new BodyDepth();
  };
  for (let at = 0; at < sql.length;) {
    const after = skipQuoted(sql, at);
    if (after > at) {
      if (!sql.startsWith("--", at) && !sql.startsWith("/*", at)) start ??= at;
      at = after;
      continue;
    }
    const char = sql[at] ?? "";
    const word = /^[A-Za-z_][\w$]*/.exec(sql.slice(at, at + 64))?.[0] ?? "";
    if (char === ";" && parens <= 0 && body.depth === 0) finish(at);
    else if (!/[\s;]/.test(char)) start ??= at;
    if (char === "(") parens += 1;
    if (char === ")") parens -= 1;
    body.see(word.toLowerCase());
    at += Math.max(1, word.length);
  }
  finish(sql.length);
  return statements;
}

/** A routine's SQL body runs from BEGIN ATOMIC to its END; a CASE in it has an END of its own. */
class BodyDepth {
  depth = 0;
  #first = "";
  #previous = "";

  see(word: string): void {
    if (word === "") return;
    if (this.depth > 0) this.depth += word === "case" ? 1 : word === "end" ? -1 : 0;
    else if (word === "atomic" && this.#previous === "begin" && this.#first === "create") this.depth = 1;
    this.#first ||= word;
    this.#previous = word;
  }
}

/** The line of a position, counted from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < position; at = text.indexOf("\n", at + 1)) line += 1;
  return line;
}

/** A statement on one line, short enough for a message. */
export function excerpt(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
}
