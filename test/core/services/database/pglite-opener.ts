// Another process that wants the PGlite of a project: prints the code it is refused with.
import { pglite } from "../../../../src/core/services/database/pglite.ts";
import { openProvider } from "../../../support/services.ts";

try {
  const service = await openProvider(pglite, { name: "database", folder: process.argv[2] ?? "" });
  process.stdout.write("opened\n");
  await service[Symbol.asyncDispose]();
} catch (error) {
  process.stdout.write(`${error instanceof Error && "code" in error ? String(error.code) : String(error)}\n`);
}
