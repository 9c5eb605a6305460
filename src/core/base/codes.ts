// The table of error codes. A code is never reused; status is the HTTP answer, exit the command's exit code.
// Exit codes follow sysexits(3): 65 data, 69 unavailable, 70 software, 73 cannot create, 75 try again, 77 no permission, 78 configuration.

interface CodeEntry {
  status: number;
  exit: number;
  title: string;
}

const entry = (status: number, exit: number, title: string): CodeEntry => ({ status, exit, title });

export const codes = {
  INTERNAL: entry(500, 70, "Internal error"),
  USAGE: entry(400, 2, "Wrong use"),
  CANCELLED: entry(499, 130, "Cancelled by the user"),
  CONFIG_INVALID: entry(500, 78, "The configuration is not valid"),
  CONFIG_MISSING: entry(500, 78, "The configuration is missing"),
  WORKSPACE_NOT_FOUND: entry(500, 78, "No xcore project here"),
  FOLDER_NOT_EMPTY: entry(409, 73, "The folder is not empty"),
  PORT_TAKEN: entry(500, 69, "The port is taken"),
  SERVER_NOT_RUNNING: entry(503, 3, "No server is running"),
  SERVER_UNREACHABLE: entry(503, 4, "The server does not answer"),
  SERVER_STARTING: entry(503, 75, "The server is starting"),
  SERVER_RUNNING: entry(409, 75, "A server is already running"),
  NODE_TOO_OLD: entry(500, 69, "This Node is too old"),
  PART_MISSING: entry(500, 69, "A part this needs is not installed"),

  SERVICE_UNAVAILABLE: entry(503, 69, "A service is not available"),
  SERVICE_FAILED: entry(502, 69, "A service failed"),
  DATA_FOLDER_FOREIGN: entry(500, 77, "The data folder belongs to another user"),
  DATA_FOLDER_VERSION: entry(500, 78, "The data folder was made by another Postgres"),
  LOCKED: entry(409, 75, "Another process holds the lock"),

  MIGRATION_FAILED: entry(500, 65, "A migration failed"),
  MIGRATION_PENDING: entry(503, 65, "Migrations are pending"),
  MIGRATION_CHANGED: entry(500, 65, "An applied migration was changed"),

  MANIFEST_INVALID: entry(422, 65, "plugin.yaml is not valid"),
  PLUGIN_NOT_FOUND: entry(404, 65, "No such plugin"),
  PLUGIN_EXISTS: entry(409, 65, "A plugin of this name exists"),
  PLUGIN_COMPILE: entry(422, 65, "The plugin does not compile"),
  PLUGIN_IMPORT: entry(422, 65, "The plugin imports what a sandbox does not have"),
  PLUGIN_DEFINITION: entry(422, 65, "The plugin's definition is not valid"),
  PLUGIN_UNTRUSTED: entry(403, 77, "The plugin's code is not the one that is trusted"),
  PLUGIN_INCOMPATIBLE: entry(422, 65, "The plugin asks for another xcore"),
  PLUGIN_DEPENDENCY: entry(424, 65, "A dependency of the plugin is missing or broken"),
  PLUGIN_START: entry(422, 65, "The plugin failed to start"),
  PLUGIN_ERROR: entry(500, 65, "The plugin threw an error"),
  PLUGIN_TIMEOUT: entry(504, 65, "The plugin did not answer in time"),
  PLUGIN_CPU_LIMIT: entry(503, 65, "The plugin used more CPU than it may"),
  PLUGIN_MEMORY_LIMIT: entry(503, 65, "The plugin used more memory than it may"),
  PLUGIN_CRASHED: entry(503, 65, "The plugin's sandbox ended"),
  PLUGIN_PROTOCOL: entry(502, 65, "The plugin broke the protocol"),
  PLUGIN_BAD_RESPONSE: entry(502, 65, "The plugin's response is not valid"),
  PLUGIN_NOT_READY: entry(503, 69, "The plugin is not ready"),
  PLUGIN_QUARANTINED: entry(503, 69, "The plugin is quarantined"),
  PLUGIN_RATE_LIMIT: entry(429, 69, "Too many requests for the plugin"),
  PLUGIN_BUSY: entry(503, 69, "Too many calls wait for the plugin"),
  PLUGIN_CONFIG: entry(422, 78, "The plugin's options are not valid"),
  CALL_CANCELLED: entry(499, 70, "The call was cancelled"),

  PERMISSION_UNDECLARED: entry(403, 77, "The permission is not declared"),
  PERMISSION_NOT_APPROVED: entry(403, 77, "The permission is not approved"),
  CONSENT_REFUSED: entry(403, 77, "Consent was refused"),
  UNAUTHORIZED: entry(401, 77, "A valid token is needed"),
  FORBIDDEN: entry(403, 77, "Not allowed"),

  ACTION_NOT_FOUND: entry(404, 65, "No such action"),
  JOB_NOT_FOUND: entry(404, 65, "No such job"),
  JOB_STATE: entry(409, 65, "The job's state does not allow that"),
  CALLER_REFUSED: entry(403, 77, "The action is not for this caller"),
  CALL_CYCLE: entry(508, 65, "Actions call each other in a circle"),
  CALL_DEPTH: entry(508, 65, "Actions call each other too deep"),
  CIRCUIT_OPEN: entry(503, 69, "The action failed too often and rests"),
  INPUT_INVALID: entry(422, 65, "The input is not valid"),
  OUTPUT_INVALID: entry(502, 65, "The output is not valid"),
  QUOTA_EXCEEDED: entry(413, 65, "A quota is exceeded"),
  DATABASE_ERROR: entry(500, 65, "The database refused the statement"),
  FETCH_REFUSED: entry(403, 77, "The address may not be fetched"),
  FETCH_FAILED: entry(502, 69, "The fetch failed"),

  TENANT_UNKNOWN: entry(404, 65, "No such tenant"),
  TENANT_SUSPENDED: entry(403, 77, "The tenant is suspended"),
  TENANT_EXISTS: entry(409, 65, "A tenant of this name exists"),
  TENANT_QUOTA: entry(429, 69, "The tenant's quota is used up"),
  TENANT_MISSING: entry(403, 77, "The call runs for no tenant"),

  SOURCE_INVALID: entry(400, 65, "The source is not valid"),
  SOURCE_UNREACHABLE: entry(502, 69, "The source can't be reached"),
  LOCK_INVALID: entry(500, 78, "xcore.lock is not valid"),
  LOCK_MISMATCH: entry(422, 65, "Installed files differ from xcore.lock"),
  PATH_DENIED: entry(500, 77, "A file or folder may not be used"),
  DISK_FULL: entry(507, 74, "There is no room left on the disk"),
  HISTORY_REWRITTEN: entry(409, 65, "The source's history was rewritten"),
  PLUGIN_OLDER: entry(409, 65, "That revision is older"),
  PLUGIN_NO_PREVIOUS: entry(409, 65, "There is no earlier revision"),
  MIGRATION_AHEAD: entry(409, 65, "The database is newer than that revision"),
  SIGNING_KEY: entry(500, 78, "The signing key can't be used"),
  SIGNATURE_INVALID: entry(422, 65, "The signature does not fit what it stands for"),
  SIGNATURE_MISSING: entry(403, 77, "A signature is needed"),
  SIGNER_UNKNOWN: entry(403, 77, "The signer is not trusted"),
  SIGNATURE_REPLAYED: entry(422, 65, "An older signed version came in place of a newer one"),
  PACKAGE_VULNERABLE: entry(422, 65, "A package is known to be bad"),
  REGISTRY_INVALID: entry(422, 65, "The registry is not as it should be"),

  NOT_FOUND: entry(404, 65, "Not found"),
  METHOD_NOT_ALLOWED: entry(405, 2, "Method not allowed"),
  PAYLOAD_TOO_LARGE: entry(413, 65, "The payload is too large"),
} as const satisfies Record<string, CodeEntry>;

export type Code = keyof typeof codes;
