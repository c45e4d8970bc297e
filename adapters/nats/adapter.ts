/** NATS JetStream. See README.md beside this file. */
import schema from "../../schemas/adapters/nats.schema.json" with { type: "json" };
import { BATCH_COUNT_MAX } from "../../src/limits.ts";
import type { Adapter } from "../../src/transport/adapter.ts";
import type { Capabilities } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";
import type { NatsSettings } from "./settings.ts";
import { NatsTransport } from "./transport.ts";

const CAPABILITIES: Capabilities = {
  // Of a crash of the server. What else it takes to survive a power loss is the operator's: README.md, "Durability".
  durable: true,
  ordering: "topic",
  orderedPublish: true,
  group: "shared",
  position: "always",
  starts: ["latest", "earliest", "time", "position"],
  leaseMs: "unbounded",
  replay: "position",
  find: false,
  stats: { backlog: true, oldest: true },
  deliveryCount: true,
  dedupe: true,
  limits: { eventBytes: LIMITS.eventBytes, attributeCount: "unbounded", batchCount: BATCH_COUNT_MAX },
};

export const adapter: Adapter = {
  schema,
  capabilities: CAPABILITIES,
  // The settings are valid by the schema, whose shape `NatsSettings` is.
  open: async (settings, context) => new NatsTransport(CAPABILITIES, settings as unknown as NatsSettings, context),
};
