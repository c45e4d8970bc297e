import { BATCH_COUNT_MAX } from "../../src/limits.ts";
import type { Capabilities } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";
import type { AmqpSettings } from "./settings.ts";

export const CAPABILITIES: Capabilities = {
  durable: true,
  ordering: "topic",
  orderedPublish: true,
  group: "exclusive",
  position: "own",
  starts: ["latest"],
  leaseMs: LIMITS.leaseMs,
  replay: "none",
  find: false,
  stats: { backlog: true, oldest: false },
  deliveryCount: true,
  dedupe: false,
  limits: { eventBytes: LIMITS.messageBytes, attributeCount: "unbounded", batchCount: BATCH_COUNT_MAX },
};

export function capabilitiesFor({ maxMessageBytes }: AmqpSettings): Capabilities {
  return { ...CAPABILITIES, limits: { ...CAPABILITIES.limits, eventBytes: maxMessageBytes } };
}
