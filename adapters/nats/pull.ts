/**
 * Pulls from one durable consumer over one subscription, one request at a time (ADR-13 of nats-architecture-and-design).
 * The library's own `fetch` discards what is under way when it is closed; this one keeps it.
 *
 * resting: nothing is asked for.
 * pulling: `#remaining` messages of a request are still to come. It ends by the last of them, by its expiry (408) or by
 *   its bytes (409 with that text), and rests then.
 * over: the request can't be trusted any more (another status, missed heartbeats, a lost connection). The owner starts
 *   another one after it has looked what is the matter.
 */
import { createInbox, type Msg, type NatsConnection, nanos, type Subscription } from "@nats-io/transport-node";
import type { Clock } from "../../src/runtime/clock.ts";
import { LIMITS } from "./limits.ts";

export interface PullOptions {
  readonly nc: NatsConnection;
  readonly clock: Clock;
  readonly inboxPrefix: string;
  /** Where requests for the next messages of the consumer go. */
  readonly subject: string;
  readonly maxBatch: number;
  readonly maxExpiresMs: number;
  readonly onMessage: (message: Msg) => void;
  /** A request has ended as it should, so another one may be made. */
  readonly onRest: () => void;
  /** `reason` is the server's word. */
  readonly onOver: (reason: string) => void;
}

const HEARTBEAT = 100;
const EXPIRED = 408;
const CONFLICT = 409;
const ENDS = /^(message size exceeds maxbytes|batch completed)/i;

export class Pull {
  readonly #options: PullOptions;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  #number = 0;
  #remaining = 0;
  #isOver = false;
  #seenAt = 0;
  #cancelWatch: (() => void) | undefined;

  constructor(options: PullOptions) {
    this.#options = options;
    this.#inbox = createInbox(options.inboxPrefix);
    this.#subscription = options.nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => (error === null ? this.#take(message) : this.#end(error.message)),
    });
  }

  get isResting(): boolean {
    return this.#remaining === 0 && !this.#isOver;
  }

  ask(count: number, maxBytes: number): void {
    const { nc, subject, maxBatch, maxExpiresMs } = this.#options;
    const batch = Math.min(count, maxBatch);
    const expiresMs = Math.min(LIMITS.pullMs, maxExpiresMs);
    this.#number += 1;
    this.#remaining = batch;
    const request = {
      ...{ batch, max_bytes: maxBytes, expires: nanos(expiresMs) },
      // A server refuses heartbeats that are rarer than twice in the time of the request.
      idle_heartbeat: nanos(Math.min(LIMITS.heartbeatMs, Math.floor(expiresMs / 2))),
    };
    if (nc.isClosed()) {
      this.#end("the connection is closed");
      return;
    }
    nc.publish(subject, JSON.stringify(request), { reply: `${this.#inbox}.${this.#number}` });
    this.#seen();
    this.#watch(LIMITS.heartbeatMs * 3);
  }

  /** Ends it for good; what the server has sent until then still comes. Resolves then, or when the connection is lost. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#unwatch();
    await this.#subscription.drain().catch(() => {});
  }

  /** Ends it for good without waiting for anything: the connection is lost. */
  drop(): void {
    this.#isOver = true;
    this.#unwatch();
    this.#subscription.unsubscribe();
  }

  #take(message: Msg): void {
    if (message.subject.startsWith(this.#inbox)) {
      this.#takeStatus(message);
      return;
    }
    if (this.#remaining > 0) this.#remaining -= 1;
    this.#options.onMessage(message);
    if (this.#isOver) return;
    this.#seen();
    if (this.#remaining === 0) this.#rest();
  }

  #takeStatus(message: Msg): void {
    const code = message.headers?.code ?? 0;
    if (this.#isOver || message.subject !== `${this.#inbox}.${this.#number}` || this.#remaining === 0) return;
    const text = message.headers?.description ?? "";
    if (code === HEARTBEAT) this.#seen();
    else if (code === EXPIRED || (code === CONFLICT && ENDS.test(text))) this.#rest();
    else this.#end(`${code} ${text}`);
  }

  #rest(): void {
    this.#remaining = 0;
    this.#unwatch();
    this.#options.onRest();
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unwatch();
    this.#options.onOver(reason);
  }

  #seen(): void {
    this.#seenAt = this.#options.clock.monotonic();
  }

  #unwatch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
  }

  /** Two heartbeats may be missed. One timer for many messages: it looks at the time of the last one. */
  #watch(delayMs: number): void {
    const { clock } = this.#options;
    this.#cancelWatch ??= clock.timer(delayMs, () => {
      this.#cancelWatch = undefined;
      const restMs = this.#seenAt + LIMITS.heartbeatMs * 3 - clock.monotonic();
      if (restMs > 0) this.#watch(restMs);
      else this.#end("missed heartbeats");
    });
  }
}
