/** The publisher of the port: one of possibly several users of the pipeline of its address. */
import type { Event } from "../../src/event/event.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import type { Publisher, PublishResult } from "../../src/transport/port.ts";
import { closedError, failure } from "./errors.ts";
import type { Pipeline } from "./pipeline.ts";

export interface PublisherContext {
  readonly pipeline: Pipeline;
  readonly clock: Clock;
  /** Those that have publishes under way. */
  readonly busy: Set<NatsPublisher>;
}

export class NatsPublisher implements Publisher {
  readonly #context: PublisherContext;
  readonly #open = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(context: PublisherContext) {
    this.#context = context;
  }

  publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    if (events.length === 0) return Promise.resolve([]);
    if (this.#isClosed) return Promise.resolve(events.map(() => failure(closedError())));
    const results = this.#context.pipeline.publish(events, deadline);
    this.#track(results);
    return results;
  }

  async close(deadline: number): Promise<void> {
    this.#isClosed = true;
    const { clock } = this.#context;
    await byDeadline(Promise.all(this.#open), deadline, clock);
  }

  #track(results: Promise<unknown>): void {
    const { busy } = this.#context;
    this.#open.add(results);
    busy.add(this);
    void results.finally(() => {
      this.#open.delete(results);
      if (this.#open.size === 0) busy.delete(this);
    });
  }
}
