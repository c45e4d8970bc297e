import { BATCH_COUNT_MAX } from "../../src/limits.ts";
import type { Capabilities } from "../../src/transport/port.ts";
import type { AmqpSettings } from "./settings.ts";

/** `max_message_size` of RabbitMQ 4; 3.x has 128 MiB. */
const MESSAGE_BYTES = 16 * 1024 * 1024;

export const CAPABILITIES: Capabilities = {
  durable: true,
  ordering: "topic",
  orderedPublish: true,
  group: "exclusive",
  position: "own",
  starts: ["latest"],
  leaseMs: 25 * 60 * 1_000, // below the broker's consumer_timeout, 30 min, which can't be extended
  replay: "none",
  find: false,
  stats: { backlog: true, oldest: false },
  deliveryCount: true,
  dedupe: false,
  limits: { eventBytes: MESSAGE_BYTES, attributeCount: "unbounded", batchCount: BATCH_COUNT_MAX },
};

export function capabilitiesFor({ maxMessageBytes }: AmqpSettings): Capabilities {
  return { ...CAPABILITIES, limits: { ...CAPABILITIES.limits, eventBytes: maxMessageBytes } };
}
