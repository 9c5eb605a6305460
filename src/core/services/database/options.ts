// The options both Postgres drivers share: how much of the database one plugin may use.
import { Type } from "typebox";
import { durationPattern, parseDuration, parseSize, sizePattern } from "../../base/units.ts";

const duration = (value: string, description: string) =>
  Type.String({ pattern: durationPattern, default: value, examples: [value], description });
const size = (value: string, description: string) =>
  Type.String({ pattern: sizePattern, default: value, examples: [value], description });

export const commonOptions = {
  poolSize: Type.Integer({
    minimum: 2,
    maximum: 500,
    default: 10,
    description: "Connections of the core itself, in each process.",
  }),
  pluginConnections: Type.Integer({
    minimum: 1,
    maximum: 100,
    default: 4,
    description:
      "Connections of one plugin, in each process; one of them is always left for queries outside transactions.",
  }),
  tenantConnections: Type.Integer({
    minimum: 2,
    maximum: 10_000,
    default: 60,
    description:
      "Connections of all tenants together, in each process; a plugin has up to pluginConnections for each tenant it works for.",
  }),
  statementTimeout: duration("5s", "The longest statement of a plugin."),
  lockTimeout: duration("2s", "The longest a statement of a plugin waits for a lock."),
  transactionTimeout: duration(
    "30s",
    "The longest a plugin holds a transaction open; then it is rolled back.",
  ),
  maxRows: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 10_000,
    description: "Rows of one result.",
  }),
  maxResultSize: size("8mb", "Bytes of one result."),
  tempFileLimit: size("256mb", "Temporary files of one plugin's session (needs a superuser to set)."),
};

export interface CommonOptions {
  readonly poolSize: number;
  readonly pluginConnections: number;
  readonly tenantConnections: number;
  readonly statementTimeout: string;
  readonly lockTimeout: string;
  readonly transactionTimeout: string;
  readonly maxRows: number;
  readonly maxResultSize: string;
  readonly tempFileLimit: string;
}

/** `CommonOptions` in base units. */
export interface DatabaseLimits {
  readonly poolSize: number;
  readonly pluginConnections: number;
  readonly tenantConnections: number;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly maxRows: number;
  readonly maxResultBytes: number;
  readonly tempFileBytes: number;
}

export function databaseLimits(options: CommonOptions): DatabaseLimits {
  const { poolSize, pluginConnections, tenantConnections, maxRows } = options;
  return {
    poolSize,
    pluginConnections,
    tenantConnections,
    maxRows,
    statementTimeoutMs: parseDuration(options.statementTimeout) ?? 5_000,
    lockTimeoutMs: parseDuration(options.lockTimeout) ?? 2_000,
    transactionTimeoutMs: parseDuration(options.transactionTimeout) ?? 30_000,
    maxResultBytes: parseSize(options.maxResultSize) ?? 8 * 1024 ** 2,
    tempFileBytes: parseSize(options.tempFileLimit) ?? 256 * 1024 ** 2,
  };
}
