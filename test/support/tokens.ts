// Tokens of an issuer, for tests of tenants.
import { SignJWT, type CryptoKey } from "jose";

export interface TestKeys {
  publicKey: CryptoKey;
  privateKey: CryptoKey;
}

export const issuer = "https://id.example.test/";
export const audience = "my-app";

export interface TokenParts {
  claims?: Record<string, unknown>;
  alg?: string;
  /** A span from now, or seconds of the epoch. */
  expires?: string | number;
  iss?: string;
  aud?: string;
}

/** Makes tokens signed with this key; by default good ones of the tenant acme. */
export function tokenOf(key: CryptoKey | Uint8Array): (parts?: TokenParts) => Promise<string> {
  return ({
    claims = { tenant: "acme" },
    alg = "ES256",
    expires = "5m",
    iss = issuer,
    aud = audience,
  } = {}) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg, kid: "one" })
      .setIssuer(iss)
      .setAudience(aud)
      .setExpirationTime(expires)
      .sign(key);
}

/** The token with other claims and the signature it had. */
export function changed(token: string, claims: Record<string, unknown>): string {
  const [head, body = "", signature] = token.split(".");
  const before = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
  const after = Buffer.from(JSON.stringify({ ...before, ...claims })).toString("base64url");
  return [head, after, signature].join(".");
}
