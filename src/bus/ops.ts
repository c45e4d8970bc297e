/**
 * The bus's own events, on the reserved topic `pulsebus.ops`: anyone may subscribe to it and be told that a
 * subscription was paused or is failing. Best effort: an event that can't be published is logged. Subscriptions to this
 * topic raise none themselves, or a failing one would feed itself.
 */

import type { Plan, TopicPlan } from "../config/plan.ts";
import { PulsebusError } from "../errors.ts";
import type { Attribute, Event } from "../event/event.ts";
import { OPS_TOPIC_BYTES_MAX } from "../limits.ts";
import { isoTime } from "../runtime/clock.ts";
import { isArchive, OPS_TOPIC } from "../subscription/names.ts";
import type { BusContext } from "./context.ts";
import type { Topics } from "./topics.ts";

type OpsType =
  | "subscription.paused"
  | "subscription.resumed"
  | "subscription.failing"
  | "subscription.recovered"
  | "subscription.skipped"
  | "subscription.detached";

export function opsTopicPlan(defaults: Plan["topicDefaults"]): TopicPlan {
  return {
    name: OPS_TOPIC,
    address: OPS_TOPIC,
    transport: "embedded",
    place: undefined,
    settings: {
      ...defaults.settings,
      strict: false,
      retention: { ...defaults.settings.retention, maxBytes: OPS_TOPIC_BYTES_MAX },
      whenFull: "dropOldest",
    },
  };
}

export class Ops {
  readonly #context: BusContext;
  readonly #topics: Topics;

  constructor(context: BusContext, topics: Topics) {
    this.#context = context;
    this.#topics = topics;
  }

  /** Tells the world and the log. */
  async say(
    type: OpsType,
    subscription: { readonly id: string; readonly topic: string },
    detail: string,
  ): Promise<void> {
    const { logger } = this.#context;
    const fields = { subscription: subscription.id, topic: subscription.topic, detail };
    if (type === "subscription.resumed" || type === "subscription.recovered") logger.info(fields, type);
    else logger.warn(fields, type);
    if (subscription.topic === OPS_TOPIC) return;
    const event = busEvent(this.#context, type, subscription.id, { ...fields });
    const [result] = (await this.#topics.get(OPS_TOPIC)?.publish([event])) ?? [];
    if (result?.ok === false) logger.warn({ error: result.error.message }, "an operational event was not published");
  }
}

/** An event that the bus itself is the source of. */
export function busEvent(context: BusContext, type: string, subject: string, data: object): Event {
  const id = context.newId();
  const source = `/pulsebus/${context.plan.busId}`;
  const fullType = `io.pulsebus.${type}`;
  const attributes: Attribute[] = [
    { name: "id", type: "string", value: id },
    { name: "source", type: "uri-reference", value: source },
    { name: "type", type: "string", value: fullType },
    { name: "subject", type: "string", value: subject },
    { name: "time", type: "timestamp", value: isoTime(context.clock.now()) },
    { name: "datacontenttype", type: "string", value: "application/json" },
  ];
  const bytes = Buffer.from(JSON.stringify(data));
  return { id, source, type: fullType, attributes, data: { kind: "json", bytes }, structured: undefined };
}

/** Throws for a write to a reserved topic by anyone but the bus. */
export function refuseReserved(name: string): void {
  if (name !== OPS_TOPIC && !isArchive(name)) return;
  const holds = name === OPS_TOPIC ? "the bus's own events: subscribe to it" : "an archive: replay reads it";
  throw new PulsebusError("read-only", `topic "${name}" holds ${holds}, publish elsewhere`);
}
