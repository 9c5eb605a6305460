// Many clients on the one session that PGlite is: each has it for as long as its transaction lasts, the others wait. What a
// client has set (its role, its search_path) is put back whenever its turn comes.
import type { Socket } from "node:net";
import type { PGlite } from "@electric-sql/pglite";
import { escapeIdentifier, escapeLiteral } from "pg";
import {
  ClientMessages,
  errorMessage,
  greeting,
  holdsError,
  readyState,
  simpleQuery,
  startupCodes,
  startupParameters,
} from "./messages.ts";

interface Session {
  readonly user: string;
  settings: Readonly<Record<string, string>>;
}

export const coreUser = "postgres";
/** Of texts that may change what a session has set. */
const setting = /\b(?:set|reset|discard|set_config)\b/i;

/** It would read from a terminal that is not there, and end. */
const copying = /\bcopy\b[^]*\bstd(?:in|out)\b/i;
const refusal = simpleQuery(
  "do $$ begin raise feature_not_supported using message = 'COPY is not available on PGlite'; end $$",
);

export class Sessions {
  readonly #engine: PGlite;
  readonly #parameters: Readonly<Record<string, string>>;
  readonly #onDeath: (error: unknown) => void;
  /** Ends when the turn before has ended. */
  #turns: Promise<void> = Promise.resolve();
  #present: Session | undefined;

  /** `onDeath`: the engine has ended in the middle of a statement. */
  constructor(engine: PGlite, version: string, onDeath: (error: unknown) => void) {
    this.#engine = engine;
    this.#onDeath = onDeath;
    this.#parameters = {
      server_version: version,
      server_encoding: "UTF8",
      client_encoding: "UTF8",
      DateStyle: "ISO, MDY",
      TimeZone: "UTC",
      integer_datetimes: "on",
      standard_conforming_strings: "on",
    };
  }

  async serve(socket: Socket): Promise<void> {
    const messages = new ClientMessages();
    let session: Session | undefined;
    let endTurn: (() => void) | undefined;
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        messages.push(chunk);
        session ??= await this.#greet(socket, messages);
        if (session === undefined) continue;
        for (let batch = messages.takeBatch(); batch !== undefined; batch = messages.takeBatch()) {
          if (batch.last === "X") return;
          endTurn ??= await this.#takeTurn(session);
          const answer = await this.#ask(copying.test(batch.texts) ? refusal : batch.bytes);
          const state = readyState(answer);
          if (state === "I") {
            if (setting.test(batch.texts)) await this.#remember(session);
            endTurn();
            endTurn = undefined;
          }
          socket.write(answer);
        }
      }
    } finally {
      // It left in the middle of a transaction, or of an answer.
      if (endTurn !== undefined) {
        await this.#run("rollback").catch(() => undefined);
        endTurn();
      }
      socket.destroy();
    }
  }

  async #greet(socket: Socket, messages: ClientMessages): Promise<Session | undefined> {
    const startup = messages.takeStartup();
    if (startup === undefined) return undefined;
    const { code, body } = startup;
    if (code === startupCodes.tls || code === startupCodes.gss) {
      socket.write("N");
      return undefined;
    }
    if (code === startupCodes.cancel) {
      socket.destroy();
      return undefined;
    }
    const user = startupParameters(body).get("user") ?? coreUser;
    const endTurn = await this.#takeTurn({ user: coreUser, settings: {} });
    try {
      const session = { user, settings: await this.#settingsOf(user) };
      socket.write(greeting(this.#parameters));
      return session;
    } catch {
      socket.end(errorMessage("28000", `role "${user}" does not exist`));
      return undefined;
    } finally {
      endTurn();
    }
  }

  /** Resolves when the session has the engine to itself; what it resolves to gives it back. */
  async #takeTurn(session: Session): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#turns;
    this.#turns = before.then(() => promise);
    await before;
    if (this.#present !== session) {
      try {
        await this.#switchTo(session);
      } catch (error) {
        resolve();
        throw error;
      }
    }
    return resolve;
  }

  async #switchTo(session: Session): Promise<void> {
    this.#present = undefined;
    const set = Object.entries(session.settings).map(
      ([name, value]) => `set_config(${escapeLiteral(name)}, ${escapeLiteral(value)}, false)`,
    );
    await this.#run([
      "reset role",
      "discard all",
      // Before the role is taken: some of it only a superuser may set.
      ...(set.length === 0 ? [] : [`select ${set.join(", ")}`]),
      ...(session.user === coreUser ? [] : [`set role ${escapeIdentifier(session.user)}`]),
    ]);
    this.#present = session;
  }

  async #remember(session: Session): Promise<void> {
    const { rows } = await this.#engine.query<{ name: string; setting: string }>(
      "select name, current_setting(name) as setting from pg_settings where source = 'session' and name not in ('session_authorization', 'role')",
    );
    session.settings = Object.fromEntries(rows.map(({ name, setting: value }) => [name, value]));
  }

  /** What a role is given when it logs in; here nobody does. */
  async #settingsOf(user: string): Promise<Record<string, string>> {
    const { rows } = await this.#engine.query<{ line: string | null }>(
      `select unnest(coalesce(setconfig, '{}'::text[]) || null::text) as line from pg_roles
       left join pg_db_role_setting on setrole = pg_roles.oid where rolname = $1`,
      [user],
    );
    if (rows.length === 0) throw new Error("no such role");
    return Object.fromEntries(
      rows.flatMap(({ line }) => {
        if (line === null) return [];
        const at = line.indexOf("=");
        return [[line.slice(0, at), line.slice(at + 1)]];
      }),
    );
  }

  /** Statement by statement: several in one query would be one transaction. */
  async #run(statements: string | readonly string[]): Promise<void> {
    for (const statement of [statements].flat()) {
      const answer = await this.#ask(simpleQuery(statement));
      if (holdsError(answer)) throw new Error(`PGlite refuses: ${statement}`);
    }
  }

  async #ask(bytes: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#engine.execProtocolRaw(bytes, { throwOnError: false });
    } catch (error) {
      this.#onDeath(error);
      throw error;
    }
  }
}
