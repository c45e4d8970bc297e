/** What the rooms of the bus share: the ports, the plan, and names derived from it. */
import type { Plan } from "../config/plan.ts";
import type { Engine } from "../delivery/engine.ts";
import { PulsebusError } from "../errors.ts";
import { RETRY_AFTER_SECONDS_DEFAULT } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Random } from "../runtime/random.ts";
import type { Sink } from "../sink/port.ts";
import type { Store } from "../store/port.ts";
import type { SinkAddress, Subscription } from "../subscription/subscription.ts";
import type { Transformer } from "../transform/transformer.ts";
import { type TopicSettings, type Transport, TransportError } from "../transport/port.ts";

export interface OpenTransport {
  readonly name: string;
  /** The adapter's name. */
  readonly adapter: string;
  readonly transport: Transport;
  /** The adapter's own settings of a topic, validated and with their defaults. Throws `invalid-request`. */
  readonly topicOptions: (options: TopicSettings["options"]) => TopicSettings["options"];
}

/** What a bus is opened with. */
export interface BusOptions {
  readonly plan: Plan;
  readonly transports: ReadonlyMap<string, OpenTransport>;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** A new random identifier, for subscriptions without one and for the bus's own events. */
  readonly newId: () => string;
  readonly transformer: Transformer;
  /** Opens a webhook sink, which asks for replies or not; topic sinks are the bus's own. */
  readonly openWebhook: (
    subscription: Subscription,
    address: Extract<SinkAddress, { kind: "webhook" }>,
    wantsReply: boolean,
  ) => Sink;
}

export interface BusContext extends BusOptions {
  readonly engine: Engine;
}

/** A group belongs to one bus and one subscription; neither name can hold a slash. */
export function groupName(context: BusContext, subscription: string): string {
  return `${context.plan.busId}/${subscription}`;
}

export function transportOf(context: BusContext, name: string): Transport {
  const open = context.transports.get(name);
  if (open !== undefined) return open.transport;
  const known = [...context.transports.keys()].join(", ");
  throw new PulsebusError("invalid-request", `there is no transport "${name}": configured are ${known}`, {
    at: "/transport",
  });
}

/** A transport's error as users see it on the management API. */
export function asPulsebusError(error: unknown): unknown {
  if (!(error instanceof TransportError)) return error;
  const code =
    error.code === "not_found"
      ? "not-found"
      : error.code === "invalid"
        ? "invalid-request"
        : error.code === "throttled"
          ? "throttled"
          : "unavailable";
  const retryAfterSeconds = error.retryable ? (error.retryAfterSeconds ?? 1) : undefined;
  return new PulsebusError(code, error.message, {
    cause: error,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

/** For a request that waited long enough: what it began is finished in the background. */
export function stillOpen(what: string, reason: string | undefined): PulsebusError {
  const why = reason === undefined ? "" : ` (${reason})`;
  return new PulsebusError("unavailable", `${what}, which takes until its transport confirms it${why}`, {
    retryAfterSeconds: RETRY_AFTER_SECONDS_DEFAULT,
  });
}
