// Jobs on Agenda, on the embedded Postgres.
import { after, before } from "node:test";
import type { JobsService } from "../../../../src/core/services/jobs/jobs.ts";
import { agendaJobs } from "../../../../src/core/services/jobs/agenda.ts";
import { jobsConformance } from "../../../conformance/jobs.ts";
import { openProvider, testDatabase, type TestDatabase } from "../../../support/services.ts";

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

jobsConformance("agenda on the embedded Postgres", async (options = {}) => {
  const needs = { database: database.service };
  return (await openProvider(agendaJobs, { options, needs })) as JobsService;
});
