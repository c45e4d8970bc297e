/** Google Cloud Pub/Sub. See README.md beside this file for how its terms are mapped. */
import schema from "../../schemas/adapters/gcp-pubsub.schema.json" with { type: "json" };
import type { Adapter } from "../../src/transport/adapter.ts";
import type { Capabilities } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";
import { openChannels } from "./sdk.ts";
import { type PubsubSettings, refuseRedirection } from "./settings.ts";
import { PubsubTransport } from "./transport.ts";

const CAPABILITIES: Capabilities = {
  durable: true,
  ordering: "key",
  orderedPublish: true,
  group: "shared",
  position: "always",
  starts: ["latest"],
  leaseMs: "unbounded",
  replay: "none",
  find: false,
  stats: { backlog: false, oldest: false },
  deliveryCount: false,
  dedupe: false,
  limits: { eventBytes: LIMITS.messageBytes, attributeCount: "unbounded", batchCount: LIMITS.requestMessages },
};

export const adapter: Adapter = {
  schema,
  capabilities: CAPABILITIES,
  async open(input, { clock, logger }) {
    const settings = input as unknown as PubsubSettings; // valid by the schema
    refuseRedirection(settings, process.env);
    const channels = await openChannels(settings);
    return new PubsubTransport(CAPABILITIES, { projectId: settings.projectId, channels, clock, logger });
  },
};
