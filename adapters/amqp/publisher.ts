/** The publisher of the port: refuses what can't be a message, hands the rest to the channel of its exchange. */
import { attributeOf, type Event } from "../../src/event/event.ts";
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import type { Publisher, PublishResult, TopicSettings } from "../../src/transport/port.ts";
import { isText, newPosition, routingKeyOf } from "./binding.ts";
import { closedError, failure, refusals } from "./errors.ts";
import type { Link } from "./link.ts";
import { type Outgoing, PublishCall, timeoutError } from "./publish-call.ts";
import type { PublishChannel } from "./publish-channel.ts";

/** What later events of the same key wait for, unless the topic names another attribute. */
const ORDER_KEY = "partitionkey";

export interface PublisherOptions {
  readonly link: Link;
  readonly channel: PublishChannel;
  /** As they are now: `provision` may change them. */
  readonly settings: () => Pick<TopicSettings, "mode" | "key">;
  readonly clock: Clock;
  readonly closed: AbortSignal;
}

export class AmqpPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    if (events.length === 0) return Promise.resolve([]);
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.resolve(events.map(() => refusal));
    const { clock, link } = this.#options;
    const call = new PublishCall(events.length, deadline, clock, () => link.fault ?? timeoutError());
    for (const [index, event] of events.entries()) this.#submit(call, index, event);
    this.#running.add(call.answer);
    call.answer.then(() => this.#running.delete(call.answer));
    return call.answer;
  }

  async close(deadline: number): Promise<void> {
    this.#isClosed = true;
    if (this.#running.size === 0) return;
    const { clock } = this.#options;
    const done = new AbortController();
    const late = sleep(clock, Math.max(0, deadline - clock.now()), done.signal);
    await Promise.race([Promise.all(this.#running), late]);
    done.abort();
  }

  /** Why nothing can be sent now. */
  #refusal(): PublishResult | undefined {
    const { closed, link, clock } = this.#options;
    if (this.#isClosed || closed.aborted) return failure(closedError());
    link.start();
    const { fault } = link;
    if (fault === undefined) return undefined;
    return link.isUp || clock.now() >= link.blipEndsAt ? failure(fault) : undefined;
  }

  #submit(call: PublishCall, index: number, event: Event): void {
    const outgoing = this.#outgoing(call, index, event);
    if ("ok" in outgoing) {
      call.settle(index, this.#keyOf(event), outgoing);
      return;
    }
    call.add(outgoing);
    this.#options.channel.submit(outgoing);
  }

  #outgoing(call: PublishCall, index: number, event: Event): Outgoing | PublishResult {
    const { mode, key: keyAttribute } = this.#options.settings();
    const key = this.#keyOf(event);
    if (key !== undefined && call.hasFailedBefore(index, key)) return refusals.aborted(key);
    if (!isText(event)) return refusals.noText();
    const routingKey = routingKeyOf(event, keyAttribute);
    if (routingKey === undefined) return refusals.longKey(keyAttribute ?? "");
    return { call, index, key, routingKey, event, mode, position: newPosition(), isSent: false, isReturned: false };
  }

  #keyOf(event: Event): string | undefined {
    return attributeOf(event, this.#options.settings().key ?? ORDER_KEY);
  }
}
