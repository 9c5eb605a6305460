// A password as Postgres keeps it (RFC 5803), so that the password itself never stands in a statement or a server's log.
import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";

const iterations = 4096;

/** 24 random bytes as text. */
export function randomPassword(): string {
  return randomBytes(24).toString("base64url");
}

/** `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey` of an ASCII password. */
export async function scramVerifier(password: string): Promise<string> {
  const salt = randomBytes(16);
  const salted = await promisify(pbkdf2)(password, salt, iterations, 32, "sha256");
  const key = (label: string): Buffer => createHmac("sha256", salted).update(label).digest();
  const stored = createHash("sha256").update(key("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored}:${key("Server Key").toString("base64")}`;
}
