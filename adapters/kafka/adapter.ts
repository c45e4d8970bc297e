/** Apache Kafka, and what speaks its protocol. See README.md beside this file. */
import schema from "../../schemas/adapters/kafka.schema.json" with { type: "json" };
import { BATCH_COUNT_MAX } from "../../src/limits.ts";
import type { Adapter } from "../../src/transport/adapter.ts";
import type { Capabilities } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";
import type { KafkaSettings } from "./settings.ts";
import { KafkaTransport } from "./transport.ts";

const CAPABILITIES: Capabilities = {
  durable: true,
  ordering: "key",
  orderedPublish: true,
  group: "exclusive",
  position: "always",
  starts: ["latest", "earliest", "time", "position"],
  leaseMs: "unbounded",
  replay: "position",
  find: true,
  stats: { backlog: true, oldest: true },
  deliveryCount: false,
  dedupe: false,
  limits: { eventBytes: LIMITS.eventBytes, attributeCount: "unbounded", batchCount: BATCH_COUNT_MAX },
};

export const adapter: Adapter = {
  schema,
  capabilities: CAPABILITIES,
  async open(settings, context) {
    const valid = settings as unknown as KafkaSettings;
    const limits = { ...CAPABILITIES.limits, eventBytes: valid.eventBytes };
    return new KafkaTransport(valid, context, { ...CAPABILITIES, limits });
  },
};
