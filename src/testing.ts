// The door for plugins' own tests: `import { openPlugin } from "xcore/testing"`.
export { openPlugin, type TestPlugin, type TestPluginOptions } from "./testing/open-plugin.ts";
export type { TestSocket } from "./testing/test-socket.ts";
export type { EnqueuedJob } from "./testing/test-jobs.ts";
export type { PublishedEvent, TestServicesOptions } from "./testing/test-services.ts";
export { XcoreError } from "./core/base/error.ts";
