/** The publisher of the port: refuses what can't be taken now, hands the rest to the topic's appender. */
import type { Event } from "../../src/event/event.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import type { Publisher, PublishResult } from "../../src/transport/port.ts";
import type { LogContext } from "./context.ts";
import { closedError, failure, refusals, topicNotFound } from "./faults.ts";
import { Topic } from "./topic.ts";

export class EmbeddedPublisher implements Publisher {
  readonly #context: LogContext;
  readonly #address: string;
  #isClosed = false;

  constructor(context: LogContext, address: string) {
    this.#context = context;
    this.#address = address;
  }

  publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    if (events.length === 0) return Promise.resolve([]);
    const target = this.#target();
    if (target instanceof Topic) return target.appender.append(events, deadline);
    return Promise.resolve(events.map(() => target));
  }

  async close(deadline: number): Promise<void> {
    this.#isClosed = true;
    await byDeadline(this.#context.commitQueue.drained(), deadline, this.#context.clock);
  }

  /** The topic, or why nothing can be stored in it now. */
  #target(): Topic | PublishResult {
    const { topics, database, commitQueue, closed } = this.#context;
    if (this.#isClosed || closed.aborted) return failure(closedError());
    const topic = topics.get(this.#address);
    if (topic === undefined) return failure(topicNotFound(this.#address));
    if (!database.hasRoom) return refusals.noRoom();
    if (topic.isFull) return refusals.topicFull(this.#address);
    return commitQueue.isFull ? refusals.queueFull() : topic;
  }
}
