// Tenants as people read them, a table within 80 columns.
import { styleText } from "node:util";
import type { Operations } from "../../core/index.ts";
import { milliseconds, type OutputStream } from "./status.ts";
import { outputWidth, tableLines } from "./table.ts";

type TenantStatus = Operations["tenant.list"]["result"][number];

const columns = [
  { title: "TENANT", shrinkTo: 12 },
  { title: "STATE" },
  { title: "PLUGINS", shrinkTo: 10 },
  { title: "QUOTAS", shrinkTo: 10 },
  { title: "REQ/MIN", align: "right" },
  { title: "P95", align: "right" },
  { title: "ERRORS", align: "right" },
  { title: "SINCE" },
] as const;

/** Lines without a closing break. */
export function tenantLines(tenants: readonly TenantStatus[], stream: OutputStream): string[] {
  const rows = tenants.map((tenant) => [
    tenant.name,
    tenant.state,
    tenant.plugins === null ? "all" : tenant.plugins.join(", "),
    quotasOf(tenant),
    String(tenant.requestsPerMinute),
    milliseconds(tenant.p95Ms).replace(" ", ""),
    String(tenant.errors),
    tenant.createdAt.slice(0, 10),
  ]);
  const heading = (line: string): string => styleText("dim", line, { stream });
  return tableLines(columns, rows, { width: outputWidth(stream), heading });
}

/** Its own ones only: `100/1m, 10 jobs`. */
function quotasOf({ quotas: { requests, jobs, storage } }: TenantStatus): string {
  const parts = [
    ...(requests === undefined ? [] : [requests ?? "no rate"]),
    ...(jobs === undefined ? [] : [jobs === null ? "any jobs" : `${jobs} jobs`]),
    ...(storage === undefined ? [] : [storage ?? "any storage"]),
  ];
  return parts.length === 0 ? "standard" : parts.join(", ");
}
