// From the save of a plugin to its first new answer, under load; and how long a server takes to start.
// Usage: node bench/reload.ts [saves]
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import autocannon from "autocannon";
import { packageFile } from "../src/core/base/package-root.ts";
import { quantile, startSubject } from "./support.ts";

const saves = Number(process.argv[2] ?? 30);
const workspace = await mkdtemp(join(tmpdir(), "xcore-bench-"));
const source = (word: number): string =>
  `import { definePlugin } from "xcore/plugin";\nexport default definePlugin({ routes: { "GET /": () => "${word}" } });\n`;
const serve = (watch: boolean) =>
  startSubject("xcore", [packageFile("bin/run.js"), "serve", ...(watch ? ["--watch"] : [])], {
    cwd: workspace,
    path: "/app/edited/",
  });

try {
  await symlink(packageFile("node_modules"), join(workspace, "node_modules"));
  await mkdir(join(workspace, "plugins/edited"), { recursive: true });
  await writeFile(join(workspace, "integration.yaml"), "name: bench\nserver: { port: 0 }\n");
  await writeFile(
    join(workspace, "plugins/edited/plugin.yaml"),
    'name: edited\nversion: 1.0.0\nxcore: ">=0.1.0"\nentry: index.ts\n',
  );
  await writeFile(join(workspace, "plugins/edited/index.ts"), source(0));

  const starts: number[] = [];
  for (let start = 0; start < 6; start += 1) {
    const began = performance.now();
    await using _server = await serve(false);
    starts.push(performance.now() - began);
  }
  console.log(`start, cold (embedded Postgres is made): ${starts[0]?.toFixed(0)} ms`);
  console.log(`start, warm: p50 ${quantile(starts.slice(1), 0.5).toFixed(0)} ms of ${starts.length - 1}`);

  await using server = await serve(true);
  const load = autocannon({
    url: server.url,
    connections: 10,
    overallRate: 500,
    duration: Math.ceil(saves * 0.25) + 2,
  });
  const times: number[] = [];
  for (let save = 1; save <= saves; save += 1) {
    const began = performance.now();
    await writeFile(join(workspace, "plugins/edited/index.ts"), source(save));
    while ((await (await fetch(server.url)).text()) !== String(save)) {
      if (performance.now() - began > 5000) throw new Error(`save ${save} was never served`);
    }
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const result = await load;
  console.log(
    `save to first new answer under 500 requests/s: p50 ${quantile(times, 0.5).toFixed(1)} ms, p95 ${quantile(times, 0.95).toFixed(1)} ms of ${saves}; ` +
      `${result.non2xx + result.errors} of ${result.requests.total} requests failed`,
  );
} finally {
  await rm(workspace, { recursive: true, force: true, maxRetries: 5 });
}
