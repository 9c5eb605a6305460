// The door of the core: the only way in for the command line and for programs that embed xcore.
export { XcoreError, asXcoreError, errorData, errorFromData, type ErrorData } from "./base/error.ts";
export { codes, type Code } from "./base/codes.ts";
export { createLogger, silentLogger, type Logger, type LogOptions } from "./base/log.ts";
export { findWorkspace, stateFolderOf } from "./base/workspace.ts";
export { packageFile, packageRoot, packageVersion } from "./base/package-root.ts";
export { readConfig, type ReadConfigOptions } from "./config/read.ts";
export { openCore, type Core, type CoreOptions } from "./core.ts";
export { auditPlugin, type Audit } from "./plugins/audit/audit.ts";
export { nameFault } from "./config/names.ts";
export { examine, type Check } from "./doctor.ts";
export { installedPlugins } from "./plugins/installed.ts";
export {
  compareActions,
  compareEvents,
  type ActionBreak,
  type EventBreak,
} from "./plugins/compare-actions.ts";
export { addPlugin, type AddOptions, type Installed } from "./plugins/installer/add.ts";
export { approvePlugin, type ApproveOptions, type Approved } from "./plugins/installer/approve.ts";
export {
  asksOf,
  consentByAllow,
  consentWithoutTerminal,
  newAsks,
  parseAllow,
  type Ask,
  type Consent,
  type ConsentRequest,
} from "./plugins/installer/consent.ts";
export type { InstallerOptions, ServerOutcome } from "./plugins/installer/context.ts";
export { openPluginData, type PluginData } from "./plugins/installer/data.ts";
export {
  inventory,
  inventoryEntry,
  type InventoryDetail,
  type InventoryEntry,
} from "./plugins/installer/inventory.ts";
export { licenseSummary, type LicenseGroup } from "./plugins/installer/package-list.ts";
export { diffPlugin, type DiffOptions, type PluginDiff } from "./plugins/installer/diff.ts";
export {
  isOutdated,
  outdatedPlugins,
  type OutdatedEntry,
  type OutdatedOptions,
} from "./plugins/installer/outdated.ts";
export {
  linkPlugin,
  unlinkPlugin,
  type Linked,
  type LinkOptions,
  type Unlinked,
} from "./plugins/installer/link.ts";
export { pinPlugin, type PinOptions } from "./plugins/installer/pin.ts";
export { rollbackPlugin, type RollbackOptions, type RolledBack } from "./plugins/installer/rollback.ts";
export {
  updatePlugins,
  type Updated,
  type UpdateOptions,
  type UpdateReport,
} from "./plugins/installer/update.ts";
export { openPluginSchemas, readMigrations } from "./plugin-schemas.ts";
export { removePlugin, type RemoveOptions, type Removed } from "./plugins/installer/remove.ts";
export { syncPlugins, type SyncOptions, type SyncReport } from "./plugins/installer/sync.ts";
export { verifyPlugins } from "./plugins/installer/check-installed.ts";
export { verifyRules, type VerifyFinding, type VerifyReport } from "./plugins/installer/verify-findings.ts";
export { verifyInstalled } from "./plugins/installer/verify.ts";
export { publishPlugin, type Published } from "./plugins/registries/publish.ts";
export {
  registryInfo,
  searchRegistries,
  type RegistryInfo,
  type SearchReport,
} from "./plugins/registries/search.ts";
export { newKey, readSigningKey, standardKeyFile, type KeyPair } from "./plugins/signatures/keys.ts";
export { packPlugin, signPlugin, type PackedPlugin, type SignedPlugin } from "./plugins/signatures/sign.ts";
export { newPlugin, type NewPlugin, type NewPluginOptions } from "./scaffold/plugin.ts";
export { newProject, type NewProject, type NewProjectOptions } from "./scaffold/project.ts";
export type { Connection } from "./services/database/database.ts";
export type { NamedDatabase } from "./services/database/named-postgres.ts";
export { dumpDatabase, type DumpReport } from "./migrations/dump/dump.ts";
export { resetDatabase, restoreDatabase, type RestoreReport } from "./migrations/dump/restore.ts";
export { openMigrations, type MigrationSession } from "./migrations/session.ts";
export type { SeededTarget } from "./migrations/seeds.ts";
export type { Migration, MigrationTarget, PlannedMigration } from "./migrations/target.ts";
export type { Config } from "./config/config.ts";
export type { Manifest } from "./plugins/manifest.ts";
export type { OperationName, Operations, PluginInfo, SyncResult } from "./admin/operations.ts";
export type { PluginState } from "./plugins/transitions.ts";
export type { PluginStatus, StatusReport } from "./status.ts";
export type {
  Facade,
  HostCallContext,
  Provider,
  Service,
  ServiceMethod,
  ServiceStatus,
} from "./services/service.ts";
