/**
 * Sends dead letters on to the subscription's dead-letter sink, besides keeping them. The event goes unchanged but for
 * the three extensions that Knative's consumers know (`knativeerrordest`, `knativeerrorcode`, `knativeerrordata`).
 * A send that fails is repeated, without end and with the policy's back-off: the row says until when. Malformed
 * messages have no event to send; they stay in the store only.
 */
import type { Event } from "../event/event.ts";
import { withAttribute } from "../event/with-attribute.ts";
import { FORWARD_IN_FLIGHT_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Random } from "../runtime/random.ts";
import type { Sink } from "../sink/port.ts";
import type { DeliveryRow, Store } from "../store/port.ts";
import { formatSink } from "../subscription/sink.ts";
import type { Subscription } from "../subscription/subscription.ts";
import { isMalformed } from "../transport/port.ts";
import { backoffMs } from "./backoff.ts";
import { DueLane } from "./due-lane.ts";

export interface ForwardLaneOptions {
  readonly subscription: Subscription;
  readonly forwardSink: Sink;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class ForwardLane {
  readonly #options: ForwardLaneOptions;
  readonly #lane: DueLane;
  readonly #abort = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #failuresInARow = 0;

  constructor(options: ForwardLaneOptions) {
    this.#options = options;
    this.#lane = new DueLane({
      subscription: options.subscription.id,
      lane: "forward",
      store: options.store,
      clock: options.clock,
      logger: options.logger,
      onReady: () => this.#pump(),
    });
  }

  open(nextDueAt: number | undefined): void {
    this.#lane.open(nextDueAt);
  }

  expect(dueAt: number): void {
    this.#lane.expect(dueAt);
  }

  async stop(): Promise<void> {
    this.#lane.close();
    this.#abort.abort();
    await Promise.all(this.#running);
  }

  #pump(): void {
    if (this.#abort.signal.aborted) return;
    for (const row of this.#lane.take(FORWARD_IN_FLIGHT_MAX - this.#running.size)) {
      const forwarding = this.#forward(row).finally(() => {
        this.#running.delete(forwarding);
        this.#pump();
      });
      this.#running.add(forwarding);
    }
  }

  async #forward(row: DeliveryRow): Promise<void> {
    const { store, forwardSink, clock, random, subscription, logger } = this.#options;
    if (isMalformed(row.event)) return;
    const delivery = { id: row.id, event: explained(row, row.event, subscription), attempt: 1 };
    const [result] = await forwardSink.deliver([delivery], this.#abort.signal);
    if (result === undefined || result.kind === "aborted") return store.release("forward", [row.id]);
    const now = clock.now();
    const arrived =
      result.kind === "stored" || (result.kind === "response" && result.status >= 200 && result.status < 300);
    this.#failuresInARow = arrived ? 0 : this.#failuresInARow + 1;
    const dueAt = now + backoffMs(subscription.policy.retry.backoff, this.#failuresInARow, random);
    try {
      await store.forwarded(row.id, arrived ? { forwardedAt: now } : { dueAt });
      if (!arrived) this.#lane.expect(dueAt);
    } catch (error) {
      logger.warn({ subscription: subscription.id, error: String(error) }, "a dead letter will be sent again");
      store.release("forward", [row.id]);
      this.#lane.expect(dueAt);
    }
  }
}

function explained(row: DeliveryRow, event: Event, subscription: Subscription): Event {
  const destination = formatSink(subscription.sink);
  let copy = withAttribute(event, { name: "knativeerrordest", type: "uri", value: destination });
  if (row.lastStatus !== undefined) {
    copy = withAttribute(copy, { name: "knativeerrorcode", type: "integer", value: String(row.lastStatus) });
  }
  const data = attributeText(row.lastResponse ?? row.lastError ?? row.detail ?? "");
  return data === "" ? copy : withAttribute(copy, { name: "knativeerrordata", type: "string", value: data });
}

/** A sink's answer may hold what an attribute must not (spec.md "Type System", String). */
function attributeText(text: string): string {
  return [...text.toWellFormed()].map((character) => (isAllowed(character) ? character : " ")).join("");
}

function isAllowed(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f);
  const isNoncharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
  return !isControl && !isNoncharacter;
}
