// Writes schemas/*.json from the schemas in src/. Run after a change: `node scripts/schemas.ts`; a test holds them current.
import { mkdir, writeFile } from "node:fs/promises";
import { jsonSchemas } from "../src/core/plugins/json-schemas.ts";

const folder = new URL("../schemas/", import.meta.url);
await mkdir(folder, { recursive: true });
for (const [name, text] of Object.entries(jsonSchemas())) await writeFile(new URL(name, folder), text);
