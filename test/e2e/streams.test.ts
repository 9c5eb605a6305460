// Bodies that come in pieces: sockets here, isolates there, back-pressure all the way.
import { after, before, describe } from "node:test";
import { streamingPlugin, streamsConformance } from "../conformance/streams.ts";
import { openTestCore, testWorkspace, type TestCore } from "../support/workspace.ts";

describe("a stream", () => {
  let server: TestCore;
  before(async () => {
    const workspace = await testWorkspace({
      ...streamingPlugin,
      "integration.yaml": "name: test\nserver: { port: 0, drain: 2s, maxBody: 8mb }\n",
    });
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await server.workspace[Symbol.asyncDispose]();
  });

  streamsConformance(() => server);
});
