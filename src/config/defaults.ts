/** What a configuration has that says nothing else, as users write it. A test holds the schema's defaults equal to these. */
import { BATCH_BYTES_DEFAULT, EVENT_BYTES_DEFAULT, FREE_DISK_BYTES_DEFAULT, HOPS_MAX_DEFAULT } from "../limits.ts";
import { formatSize } from "../units.ts";
import type { ConfigInput } from "./input.ts";

export const CONFIG_DEFAULTS = {
  bus: { id: "local" },
  server: { host: "127.0.0.1", port: 8080 },
  dataDir: "./data",
  topicCreation: "explicit",
  limits: {
    eventBytes: formatSize(EVENT_BYTES_DEFAULT),
    batchBytes: formatSize(BATCH_BYTES_DEFAULT),
    maxHops: HOPS_MAX_DEFAULT,
  },
  storage: { minFreeBytes: formatSize(FREE_DISK_BYTES_DEFAULT) },
  // Docker kills after 10 s, Kubernetes after 30 s.
  drainTimeout: "8s",
  log: { level: "info", format: "auto" },
  topicDefaults: {
    transport: "embedded",
    strict: false,
    retention: { maxAge: "7d", maxBytes: "10GiB" },
    holdBack: "7d",
    whenFull: "reject",
  },
} as const satisfies ConfigInput;

/** Without a configuration file, publishing creates topics: the first event needs no other request before it. */
export const TOPIC_CREATION_WITHOUT_FILE = "onPublish";

/** Sinks on the same machine are for the one who alone can reach the server, too. */
export const EGRESS_ALLOW_ON_LOOPBACK = ["127.0.0.0/8", "::1/128"];
