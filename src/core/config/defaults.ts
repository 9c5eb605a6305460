// What holds when integration.yaml says nothing. Written as people write it; the schema shows the same values to editors.

export const defaults = {
  server: {
    host: "127.0.0.1",
    port: 8082,
    maxBody: "1mb",
    requestTimeout: "30s",
    headersTimeout: "10s",
    maxConnections: 10_000,
    drain: "10s",
  },
  log: { level: "info", format: "auto" },
  services: { database: "embedded", cache: "memory", jobs: "agenda", events: "memory" },
  migrations: { mode: "auto", folder: "migrations", entities: [] },
  limits: {
    memory: "64mb",
    cpu: "200ms",
    timeout: "5s",
    streamIdle: "2m",
    streamTime: "1h",
    streamSize: "1gb",
  },
  ceilings: {
    memory: "256mb",
    cpu: "1s",
    timeout: "30s",
    streamIdle: "10m",
    streamTime: "1d",
    streamSize: "10gb",
  },
} as const;
