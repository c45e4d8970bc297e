/**
 * All publishes to one address. They are pipelined: many are under way, each answered by its PubAck.
 *
 * An event with an ordering key waits for the answer of the one before it with that key, whichever call that came in, so
 * that nothing of a key is stored after something that failed. Events without one wait only for room in the window.
 *
 * waiting: behind its key, or for room.
 * sent: written to the connection; what becomes of it is known only from the server's answer. When the connection
 *   breaks, or time runs out, it may be stored.
 * done: answered.
 */
import { attributeOf, type Event } from "../../src/event/event.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { type PublishResult, TransportError } from "../../src/transport/port.ts";
import { encodeEvent } from "./binding.ts";
import type { Client, Connection } from "./connection.ts";
import {
  apiCodeOf,
  BEING_STORED,
  closedError,
  disconnectedError,
  failure,
  isNoResponders,
  toTransportError,
} from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { hasWildcard } from "./names.ts";
import { formatPosition } from "./position.ts";
import type { Topology } from "./topology.ts";

const DEFAULT_KEY = "partitionkey";

export interface PipelineContext {
  readonly connection: Connection;
  readonly topology: Topology;
  readonly clock: Clock;
  readonly maxBytes: number;
}

interface Pending {
  readonly event: Event;
  readonly call: symbol;
  readonly deadline: number;
  readonly key: string | undefined;
  readonly answer: (result: PublishResult) => void;
  status: "waiting" | "sent" | "done";
  /** Nothing of its key is before it. */
  isFirst: boolean;
  /** The next one with this key. */
  next: Pending | undefined;
}

export class Pipeline {
  readonly #context: PipelineContext;
  readonly #address: string;
  /** The last one of each key that is not done. */
  readonly #tails = new Map<string, Pending>();
  /** May be sent, in this order. */
  readonly #ready = new Set<Pending>();
  readonly #sent = new Set<Pending>();
  #lastSequence = 0;
  #missing: Promise<TransportError> | undefined;
  #isSendPlanned = false;

  constructor(context: PipelineContext, address: string) {
    this.#context = context;
    this.#address = address;
    context.connection.watch({ onUp() {}, onDown: () => this.#onDown() });
  }

  publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    const { connection, clock } = this.#context;
    const waitMs = Math.min(LIMITS.requestMs, deadline - clock.now());
    if (!connection.isStarting || waitMs <= 0) return this.#publish(events, deadline);
    return connection.ready(waitMs).then(
      () => this.#publish(events, deadline),
      () => this.#publish(events, deadline), // which says why there is no connection
    );
  }

  async #publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return events.map(() => refusal);
    const { clock } = this.#context;
    const call = Symbol();
    const mine: Pending[] = [];
    const results = events.map((event) => {
      const { promise, resolve } = Promise.withResolvers<PublishResult>();
      const key = this.#keyOf(event);
      mine.push({ event, call, deadline, key, answer: resolve, status: "waiting", isFirst: false, next: undefined });
      return promise;
    });
    for (const pending of mine) this.#admit(pending);
    const cancel = clock.timer(Math.max(0, deadline - clock.now()), () => this.#expire(mine));
    try {
      return await Promise.all(results);
    } finally {
      cancel();
    }
  }

  /** Why nothing can be stored now. */
  #refusal(): PublishResult | undefined {
    const { connection } = this.#context;
    if (connection.isClosed) return failure(closedError());
    if (connection.up === undefined) return failure(connection.fault ?? disconnectedError());
    if (!hasWildcard(this.#address)) return undefined;
    const text = `"${this.#address}" has wildcards: events can be received from it, not published to it`;
    return failure(new TransportError("invalid", text));
  }

  #keyOf(event: Event): string | undefined {
    return attributeOf(event, this.#context.topology.topic(this.#address).key ?? DEFAULT_KEY);
  }

  #admit(pending: Pending): void {
    const { key } = pending;
    const before = key === undefined ? undefined : this.#tails.get(key);
    if (key !== undefined) this.#tails.set(key, pending);
    if (before !== undefined) before.next = pending;
    else this.#enqueue(pending);
  }

  #enqueue(pending: Pending): void {
    pending.isFirst = true;
    this.#ready.add(pending);
    this.#planSend();
  }

  /** The client writes to its socket at the end of each task, so what comes in one turn of the loop is sent together. */
  #planSend(): void {
    if (this.#isSendPlanned) return;
    this.#isSendPlanned = true;
    this.#context.clock.soon(() => {
      this.#isSendPlanned = false;
      this.#send();
    });
  }

  #send(): void {
    for (const pending of this.#ready) {
      if (this.#sent.size >= LIMITS.publishWindow) break;
      this.#ready.delete(pending);
      this.#sendOne(pending);
    }
  }

  #sendOne(pending: Pending): void {
    const { connection, topology, clock, maxBytes } = this.#context;
    const { up } = connection;
    if (up === undefined) {
      this.#finish(pending, failure(connection.fault ?? disconnectedError()));
      return;
    }
    try {
      const limit = Math.min(maxBytes, up.nc.info?.max_payload ?? maxBytes);
      const { headers, body } = encodeEvent(pending.event, topology.topic(this.#address), this.#address, limit);
      const timeout = Math.max(1, pending.deadline - clock.now()) + LIMITS.clientGraceMs;
      pending.status = "sent";
      this.#sent.add(pending);
      void this.#confirm(pending, up.js.publish(this.#address, body, { headers, timeout }));
    } catch (error) {
      this.#finish(pending, failure(toTransportError(error)));
    }
  }

  async #confirm(pending: Pending, publishing: ReturnType<Client["js"]["publish"]>): Promise<void> {
    try {
      const { stream, seq, duplicate } = await publishing;
      const found = this.#position(stream, seq, duplicate);
      const position = typeof found === "string" ? found : await found;
      this.#finish(pending, { ok: true, position, ...(duplicate ? { duplicate } : {}) });
    } catch (error) {
      if (pending.status === "done") return;
      this.#finish(pending, await this.#failureOf(error));
    }
  }

  /** An answer of the server is proof; no answer is none. */
  async #failureOf(error: unknown): Promise<PublishResult> {
    if (this.#context.connection.isClosed) return failure(closedError(), "unknown");
    if (isNoResponders(error)) return failure(await this.#whyNobodyStores(error));
    const fault = toTransportError(error);
    const apiCode = apiCodeOf(error) ?? BEING_STORED;
    const isRefused = apiCode !== BEING_STORED || fault.code === "permission_denied" || fault.code === "invalid";
    return failure(fault, isRefused ? "no" : "unknown");
  }

  /** No stream, or JetStream is not ready: only asking tells. */
  async #whyNobodyStores(error: unknown): Promise<TransportError> {
    this.#missing ??= this.#context.topology
      .stream(this.#address)
      .then(() => toTransportError(error), toTransportError)
      .finally(() => {
        this.#missing = undefined;
      });
    return this.#missing;
  }

  /** Sequences of a stream only grow: one that does not is of another stream with the same name. */
  #position(stream: string, sequence: number, isDuplicate: boolean): string | Promise<string | undefined> {
    const { topology } = this.#context;
    const isAnother = !isDuplicate && sequence <= this.#lastSequence;
    if (isAnother) topology.forget(this.#address, stream);
    if (!isDuplicate) this.#lastSequence = sequence;
    const generation = topology.knownGeneration(stream);
    if (generation !== undefined) return formatPosition(generation, sequence);
    return this.#askedPosition(stream, sequence);
  }

  async #askedPosition(stream: string, sequence: number): Promise<string | undefined> {
    const { topology } = this.#context;
    await topology.stream(this.#address).catch(() => undefined);
    const generation = topology.knownGeneration(stream);
    return generation === undefined ? undefined : formatPosition(generation, sequence);
  }

  #expire(all: readonly Pending[]): void {
    for (const pending of all) {
      const isSent = pending.status === "sent";
      const text = isSent
        ? "JetStream did not confirm in time; the event may be stored"
        : "The event was not sent in time";
      this.#finish(pending, failure(new TransportError("timeout", text), isSent ? "unknown" : "no"));
    }
  }

  #onDown(): void {
    const fault = this.#context.connection.fault ?? disconnectedError();
    for (const pending of [...this.#sent]) this.#finish(pending, failure(fault, "unknown"));
  }

  #finish(pending: Pending, result: PublishResult): void {
    if (pending.status === "done") return;
    pending.status = "done";
    this.#ready.delete(pending);
    const hadRoom = this.#sent.delete(pending);
    pending.answer(result);
    if (pending.isFirst) this.#goOn(pending, result.ok);
    if (hadRoom && this.#ready.size > 0) this.#planSend();
  }

  /** What waits behind this one's key: the rest of its call fails with it. */
  #goOn({ key, call, next: behind }: Pending, isStored: boolean): void {
    if (key === undefined) return;
    for (let next = behind; next !== undefined; next = next.next) {
      if (next.status === "done") continue; // out of time
      if (isStored || next.call !== call) {
        this.#enqueue(next);
        return;
      }
      next.status = "done";
      next.answer(failure(abortedError(key)));
    }
    this.#tails.delete(key);
  }
}

function abortedError(key: string): TransportError {
  return new TransportError("aborted", `An earlier event of the key "${key}" in the same call failed`);
}
