/**
 * The consumer of the port. It attaches when somebody receives: waits for a connection, claims the queue, opens a
 * session. A lost session is replaced while somebody receives, otherwise at the next `receive`.
 *
 *   detached ── receive ──▶ attaching ── queue is there, nobody else consumes ──▶ attached
 *      ▲                      │   ▲                                                  │
 *      └── not_found, fenced ─┘   └──────────── channel or connection lost ──────────┘
 *          permission_denied: what waits in receive is told
 */
import type { ChannelModel } from "amqplib";
import type { DecodeOptions } from "../../src/event/leniency.ts";
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import { Mailbox } from "../../src/transport/mailbox.ts";
import type {
  Consumer,
  ConsumerState,
  Item,
  Matcher,
  TopicSettings,
  TransportError,
  TransportErrorCode,
} from "../../src/transport/port.ts";
import type { Claim, Claims } from "./claims.ts";
import { closedError, toTransportError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { Link } from "./link.ts";
import { queueName } from "./names.ts";
import { Session } from "./session.ts";

/** What `receive` tells; everything else passes. */
const FATAL: ReadonlySet<TransportErrorCode> = new Set(["not_found", "permission_denied", "fenced", "closed"]);

export interface ConsumerOptions {
  readonly link: Link;
  readonly address: string;
  readonly group: string;
  readonly matcher: Matcher;
  readonly leniency: DecodeOptions["leniency"];
  readonly settings: () => Pick<TopicSettings, "strict" | "envelope" | "key" | "provision">;
  readonly prefetch: number;
  readonly claims: Claims;
  readonly clock: Clock;
  readonly onClosed: (consumer: AmqpConsumer) => void;
}

export class AmqpConsumer implements Consumer {
  readonly address: string;
  readonly group: string;
  readonly #options: ConsumerOptions;
  readonly #queue: string;
  readonly #mailbox: Mailbox<Item>;
  readonly #closed = new AbortController();
  #session: Session | undefined;
  /** What was taken of the claims, and the connection on which the broker knows of it. */
  #claim: Claim | undefined;
  #claimedOn: ChannelModel | undefined;
  #attaching: Promise<void> | undefined;
  #receivers = 0;
  /** What the latest `receive` asked for. */
  #wanted = 0;
  #error: TransportError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ConsumerOptions) {
    this.address = options.address;
    this.group = options.group;
    this.#options = options;
    this.#queue = queueName(options.address, options.group);
    this.#mailbox = new Mailbox<Item>({
      capacity: LIMITS.windowMessages, // the session bounds what is in it
      clock: options.clock,
      onFree: () => undefined, // `receive` reads on
      onIdle: (unread) => this.#session?.rest(unread),
    });
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Item[]> {
    this.#receivers += 1;
    try {
      const taking = this.#mailbox.take(max, signal); // which makes the mailbox take in
      this.#wanted = max;
      this.#readOn();
      return await taking;
    } finally {
      this.#receivers -= 1;
    }
  }

  settle(item: Item, how: "ack" | "release"): boolean {
    return this.#session?.settle(item, how) ?? false;
  }

  get state(): ConsumerState {
    if (this.#closed.signal.aborted) return { status: "closed", error: undefined, skipped: 0 };
    const error = this.#options.link.fault ?? this.#error;
    return { status: error === undefined ? "receiving" : "reconnecting", error, skipped: 0 };
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  /** The queue is gone, or about to be: what was read of it is void. */
  async detach(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#mailbox.drain();
    await session?.close(0);
    if (this.#receivers > 0) this.#attaching ??= this.#attach();
  }

  async #close(deadline: number): Promise<void> {
    const { clock, onClosed } = this.#options;
    this.#closed.abort();
    this.#mailbox.close();
    await byDeadline(this.#handBack(deadline), deadline, clock);
    onClosed(this);
  }

  async #handBack(deadline: number): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await this.#attaching;
    await session?.close(deadline);
    await this.#releaseClaim();
  }

  /** What waits in `receive` and finds nothing gets a session, and that session room. */
  #readOn(): void {
    if (this.#closed.signal.aborted || this.#mailbox.free < LIMITS.windowMessages) return;
    if (this.#session !== undefined) this.#session.read(this.#wanted);
    else this.#attaching ??= this.#attach();
  }

  async #attach(): Promise<void> {
    try {
      const session = await this.#openSession();
      if (this.#closed.signal.aborted) return await session.close(0);
      this.#session = session;
      this.#error = undefined;
      if (this.#mailbox.free > 0) session.read(this.#wanted);
    } catch (error) {
      this.#error = toTransportError(error);
      await this.#releaseClaim();
      if (this.#receivers > 0) this.#mailbox.fail(this.#error);
    } finally {
      this.#attaching = undefined;
    }
  }

  /** Rejects with what `receive` tells. */
  async #openSession(): Promise<Session> {
    const { link, clock } = this.#options;
    for (;;) {
      try {
        return await this.#sessionOn(await this.#unlessClosed(link.connection()));
      } catch (error) {
        const fault = toTransportError(error);
        if (FATAL.has(fault.code)) throw fault;
        this.#error = fault;
        await sleep(clock, LIMITS.attachMs, this.#closed.signal);
      }
    }
  }

  async #sessionOn(model: ChannelModel): Promise<Session> {
    const { address, matcher, leniency, settings, prefetch, clock } = this.#options;
    await this.#takeClaim(model);
    const channel = await model.createChannel();
    const session = new Session({
      ...{ channel, address, matcher, leniency, settings, prefetch, clock, queue: this.#queue },
      onItem: (item) => this.#mailbox.push(item),
      onEnd: (reason) => this.#lost(session, reason),
    });
    try {
      await channel.checkExchange(address);
      await channel.checkQueue(this.#queue);
      return session;
    } catch (error) {
      await session.close(0);
      throw error;
    }
  }

  async #takeClaim(model: ChannelModel): Promise<void> {
    const { claims, group, settings } = this.#options;
    if (this.#claim === undefined) {
      const claim = { queue: this.#queue, group, provisions: settings().provision, signal: this.#closed.signal };
      claims.take(claim);
      this.#claim = claim;
    }
    await claims.confirm(model, this.#claim);
    this.#claimedOn = model;
  }

  async #releaseClaim(): Promise<void> {
    const claim = this.#claim;
    this.#claim = undefined;
    if (claim === undefined) return;
    await this.#options.claims.release(claim, this.#options.link.isUp ? this.#claimedOn : undefined);
  }

  #lost(session: Session, reason: Error | undefined): void {
    if (this.#session !== session) return; // it never was the one in use
    this.#session = undefined;
    this.#mailbox.drain();
    if (reason !== undefined) this.#error = toTransportError(reason);
    if (this.#receivers > 0) this.#attaching ??= this.#attach();
  }

  async #unlessClosed<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#closed;
    if (signal.aborted) throw closedError();
    const closed = Promise.withResolvers<never>();
    const onAbort = (): void => closed.reject(closedError());
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([work, closed.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
