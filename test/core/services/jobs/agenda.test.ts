// Jobs on Agenda, on the embedded Postgres and on a system Postgres by URL.
import { after, before } from "node:test";
import type { JobsService } from "../../../../src/core/services/jobs/jobs.ts";
import { agendaJobs } from "../../../../src/core/services/jobs/agenda.ts";
import { jobDeskConformance } from "../../../conformance/job-desk.ts";
import { jobTenantsConformance } from "../../../conformance/job-tenants.ts";
import { jobsConformance } from "../../../conformance/jobs.ts";
import {
  openProvider,
  testDatabase,
  testSystemDatabase,
  type TestDatabase,
} from "../../../support/services.ts";

let embedded: TestDatabase;
let system: TestDatabase;
before(async () => {
  [embedded, system] = await Promise.all([testDatabase(), testSystemDatabase()]);
});
after(() => Promise.all([embedded[Symbol.asyncDispose](), system[Symbol.asyncDispose]()]));

const on =
  (database: () => TestDatabase) =>
  async (options: Record<string, unknown> = {}): Promise<JobsService> =>
    (await openProvider(agendaJobs, { options, needs: { database: database().service } })) as JobsService;

for (const [name, open] of [
  ["agenda on the embedded Postgres", on(() => embedded)],
  ["agenda on a system Postgres", on(() => system)],
] as const) {
  jobsConformance(name, open);
  jobDeskConformance(name, open);
  jobTenantsConformance(name, open);
}
