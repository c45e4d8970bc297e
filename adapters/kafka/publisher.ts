/** The publisher of the port. All publishers of a topic share its sender. */
import type { Event } from "../../src/event/event.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import type { Publisher, PublishResult } from "../../src/transport/port.ts";
import type { KafkaContext } from "./context.ts";
import { refuseAll, type Sender } from "./sender.ts";

export class KafkaPublisher implements Publisher {
  readonly #context: KafkaContext;
  readonly #sender: Sender;
  #isClosed = false;

  constructor(context: KafkaContext, sender: Sender) {
    this.#context = context;
    this.#sender = sender;
  }

  async publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    if (events.length === 0) return [];
    if (this.#isClosed || this.#context.closed.aborted) return refuseAll(events);
    return this.#sender.publish(events, deadline);
  }

  async close(deadline: number): Promise<void> {
    this.#isClosed = true;
    await byDeadline(this.#sender.drained(), deadline, this.#context.clock);
  }
}
