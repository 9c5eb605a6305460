// Why a Redis can't be used, as one phrase that names it (never the password) and says what to look at.
import { messageOf, systemCode } from "../base/error.ts";

/** What a fault of a connection says; undefined when it only says that there is no connection. */
export type RedisFaults = (error: unknown) => string | undefined;

/** `url` is one that the schema has let through; `option` is where it stands: `services.cache.url`. */
export function redisFaults(url: string, option: string): RedisFaults {
  const { hostname = "?", port = "", protocol } = URL.parse(url) ?? {};
  const where = `${hostname}:${port === "" ? "6379" : port}`;
  // A server without TLS reads the beginning of an encrypted connection in silence.
  const encrypted = protocol === "rediss:" ? `; where it has no TLS, write redis:// in ${option}` : "";
  return (error) => {
    const words = messageOf(error);
    // ioredis, of a command for a connection that failed before; why it failed was said then.
    if (/^(Stream isn't writeable|Connection is closed)/.test(words)) return undefined;
    if (words.startsWith("WRONGPASS")) return `${where} refuses user or password; check ${option}`;
    if (words.startsWith("NOAUTH"))
      return `${where} wants a password; write it into ${option}: redis://:password@${where}`;
    switch (systemCode(error)) {
      case "ECONNREFUSED":
        return `nobody listens at ${where} (ECONNREFUSED); check ${option}, and that it runs`;
      case "ENOTFOUND":
      case "EAI_AGAIN":
        return `the name '${hostname}' is not known; check ${option}`;
      case "ETIMEDOUT":
        return `${where} does not answer (ETIMEDOUT)${encrypted}`;
      default:
        return words === "" ? "the connection was refused" : words;
    }
  };
}
