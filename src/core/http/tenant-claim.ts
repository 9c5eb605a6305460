// The tenant in a claim of a bearer token (RFC 7519, RFC 6750), checked with the issuer's key and the algorithms that were chosen.
import { createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import type { JSONWebKeySet, JWTVerifyGetKey } from "jose";
import { messageOf, systemCode, XcoreError } from "../base/error.ts";
import type { ClaimSource } from "../config/config.ts";
import { nameless } from "../services/tenants/tenant.ts";

const fetchKeysMs = 3_000;
const toleranceSeconds = 5;
const longestToken = 16 * 1024;

export type ClaimOfRequest = (request: IncomingMessage) => Promise<string>;

export async function openClaim(source: ClaimSource): Promise<ClaimOfRequest> {
  const { jwtVerify } = await import("jose");
  const key = await openKey(source.key);
  const options = {
    algorithms: [...source.algorithms],
    issuer: source.issuer,
    audience: source.audience,
    requiredClaims: ["exp"],
    clockTolerance: toleranceSeconds,
  };
  return async (request) => {
    const token = tokenOf(request);
    const { payload } = await (
      typeof key === "function" ? jwtVerify(token, key, options) : jwtVerify(token, key, options)
    ).catch((error: unknown) => {
      throw refusal(error);
    });
    const claim = Object.hasOwn(payload, source.name) ? payload[source.name] : undefined;
    if (typeof claim === "string" && claim !== "") return claim;
    throw nameless(`its token has no claim '${source.name}'`);
  };
}

function tokenOf({ headers: { authorization = "" } }: IncomingMessage): string {
  const token = /^bearer +([\w.~+/-]+=*) *$/i.exec(authorization.slice(0, longestToken))?.[1];
  if (token !== undefined) return token;
  throw new XcoreError("UNAUTHORIZED", "the request needs a bearer token that names its tenant");
}

async function openKey(key: ClaimSource["key"]): Promise<Uint8Array | KeyObject | JWTVerifyGetKey> {
  switch (key.kind) {
    case "secret":
      return new TextEncoder().encode(key.secret);
    case "file":
      return readKey(key.file);
    case "jwks": {
      const { createRemoteJWKSet } = await import("jose");
      return createRemoteJWKSet(new URL(key.url), { timeoutDuration: fetchKeysMs });
    }
  }
}

async function readKey(file: string): Promise<KeyObject | JWTVerifyGetKey> {
  try {
    const text = await readFile(file, "utf8");
    if (text.includes("PRIVATE KEY")) throw new TypeError("it is a private key; put the public one there");
    if (!text.trimStart().startsWith("{")) return createPublicKey(text);
    const parsed = JSON.parse(text) as JSONWebKeySet | Record<string, unknown>;
    if (!("keys" in parsed)) return createPublicKey({ key: parsed, format: "jwk" });
    const { createLocalJWKSet } = await import("jose");
    return createLocalJWKSet(parsed as JSONWebKeySet);
  } catch (error) {
    throw new XcoreError(
      "CONFIG_INVALID",
      `tenants.from.claim.key: ${file} can't be used: ${messageOf(error)}`,
      {
        hint: "Write the issuer's public key there: PEM (BEGIN PUBLIC KEY), a JWK or a JWKS.",
        cause: error,
      },
    );
  }
}

// What is wrong with the token is for its sender to know; everything else is a fault of ours or of the issuer.
const faults: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: "it has expired",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "its signature is wrong",
  ERR_JWKS_NO_MATCHING_KEY: "it was signed with a key that is not known",
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: "it does not say with which key it was signed",
  ERR_JOSE_ALG_NOT_ALLOWED: "its algorithm is not allowed",
  ERR_JOSE_NOT_SUPPORTED: "its algorithm is not known",
  ERR_JWT_INVALID: "it is malformed",
  ERR_JWS_INVALID: "it is malformed",
};

function refusal(error: unknown): XcoreError {
  const code = systemCode(error) ?? "";
  const claim = code === "ERR_JWT_CLAIM_VALIDATION_FAILED" ? (error as { claim?: unknown }).claim : undefined;
  const fault = typeof claim === "string" ? `its claim '${claim}' is not as it must be` : faults[code];
  if (fault !== undefined)
    return new XcoreError("UNAUTHORIZED", `the bearer token is refused: ${fault}`, { cause: error });
  return new XcoreError(
    "SERVICE_UNAVAILABLE",
    `the keys of the tokens' issuer can't be used: ${messageOf(error)}`,
    {
      hint: "Look whether tenants.from.claim.jwks answers.",
      cause: error,
    },
  );
}
