/** RabbitMQ over AMQP 0-9-1. See README.md beside this file. */
import schema from "../../schemas/adapters/amqp.schema.json" with { type: "json" };
import type { Adapter } from "../../src/transport/adapter.ts";
import { CAPABILITIES } from "./capabilities.ts";
import type { AmqpSettings } from "./settings.ts";
import { AmqpTransport } from "./transport.ts";

export const adapter: Adapter = {
  schema,
  capabilities: CAPABILITIES,
  async open(settings, context) {
    // Valid by the schema, which says the same.
    return new AmqpTransport(settings as unknown as AmqpSettings, context);
  },
};
