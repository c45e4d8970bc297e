/** The consumer of the port: waits for what its session has. */
import { byDeadline } from "../../src/transport/deadline.ts";
import { Doorbell } from "../../src/transport/doorbell.ts";
import {
  type Consumer,
  type ConsumerState,
  type Item,
  type Matcher,
  TransportError,
} from "../../src/transport/port.ts";
import type { LogContext, OpenConsumer } from "./context.ts";
import { closedError, fencedError, groupNotFound, topicNotFound } from "./faults.ts";
import { Session } from "./session.ts";

export interface ConsumerTarget {
  readonly address: string;
  readonly group: string;
  readonly matcher: Matcher;
}

export class EmbeddedConsumer implements Consumer, OpenConsumer {
  readonly #context: LogContext;
  readonly #target: ConsumerTarget;
  #session: Session | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #isReceiving = false;
  #hasReceived = false;
  readonly #doorbell = new Doorbell();

  constructor(context: LogContext, target: ConsumerTarget) {
    this.#context = context;
    this.#target = target;
    context.consumers.add(this);
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Item[]> {
    if (this.#isReceiving) throw new TransportError("invalid", "One receive of a consumer at a time");
    this.#isReceiving = true;
    this.#hasReceived = true;
    try {
      for (;;) {
        const session = this.#openSession();
        if (signal.aborted) return [];
        const items = session.take(max);
        if (items.length > 0) return items;
        await this.#doorbell.wait(signal);
      }
    } finally {
      this.#isReceiving = false;
    }
  }

  settle(item: Item, how: "ack" | "release"): boolean {
    return this.#session?.settle(item, how) ?? false;
  }

  get state(): ConsumerState {
    const error = this.#session?.fault;
    const status = this.#isClosed ? "closed" : error === undefined ? "receiving" : "reconnecting";
    return { status, error, skipped: this.#session?.group.skipped ?? 0 };
  }

  restIfIdle(): void {
    if (!this.#isReceiving && !this.#hasReceived) this.#session?.rest();
    this.#hasReceived = false;
  }

  wake(): void {
    const session = this.#session;
    if (session !== undefined && (session.topic.isDeleted || session.group.isDeleted)) this.#endSession();
    this.#doorbell.ring();
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    const { consumers, progress, clock } = this.#context;
    const group = this.#session?.group;
    this.#isClosed = true;
    consumers.delete(this);
    this.#endSession();
    this.wake();
    if (group !== undefined) await byDeadline(progress.flushed(group), deadline, clock);
  }

  /** The session with the group as it is now; throws `closed`, `not_found` or `fenced`. */
  #openSession(): Session {
    if (this.#isClosed || this.#context.closed.aborted) throw closedError();
    if (this.#session !== undefined) return this.#session;
    const { address, group: name, matcher } = this.#target;
    const topic = this.#context.topics.get(address);
    if (topic === undefined) throw topicNotFound(address);
    const group = topic.groups.get(name);
    if (group === undefined) throw groupNotFound(address, name);
    if (group.isConsumed) throw fencedError(name);
    this.#session = new Session({ ...this.#context, topic, group, matcher, wake: () => this.wake() });
    return this.#session;
  }

  #endSession(): void {
    this.#session?.end();
    this.#session = undefined;
  }
}
