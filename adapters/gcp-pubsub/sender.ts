/**
 * Sends the messages of one topic. What arrives in one turn travels together, as many to a request as fit.
 *
 * Messages without a key: their requests run at the same time.
 * Messages with one: a lane each, one request at a time, since the service orders by arrival. A request that fails
 * leaves its lane open: nothing was stored behind it, and later calls go on. (The SDK's own publisher would pause the
 * key until `resumePublishing`; it is not used, as its batches mix the deadlines of their callers.)
 *
 * The service takes or refuses a request as a whole. One that it refuses as invalid is sent again in halves until the
 * message that is to blame stands alone: it was proven not stored, so this repeats nothing.
 */
import type { Clock } from "../../src/runtime/clock.ts";
import { type PublishResult, TransportError } from "../../src/transport/port.ts";
import type { OutgoingMessage } from "./binding.ts";
import type { Call } from "./call.ts";
import { failure, publishFailure } from "./errors.ts";
import { LIMITS } from "./limits.ts";

export interface Outgoing {
  readonly call: Call;
  readonly index: number;
  readonly message: OutgoingMessage;
  readonly bytes: number;
}

/** Sends one request; answers one result per message, or rejects with a `TransportError` for all of them. */
export type Send = (messages: readonly OutgoingMessage[], timeoutMs: number) => Promise<readonly PublishResult[]>;

interface Lane {
  waiting: Outgoing[];
  isBusy: boolean;
}

export class Sender {
  readonly #clock: Clock;
  readonly #send: Send;
  readonly #lanes = new Map<string, Lane>();
  #unkeyed: Outgoing[] = [];
  #isFlushPlanned = false;

  constructor(clock: Clock, send: Send) {
    this.#clock = clock;
    this.#send = send;
  }

  add(outgoing: Outgoing): void {
    const key = outgoing.message.orderingKey;
    if (key === undefined) this.#unkeyed.push(outgoing);
    else this.#lane(key).waiting.push(outgoing);
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.#clock.soon(() => this.#flush());
  }

  #lane(key: string): Lane {
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = { waiting: [], isBusy: false };
    this.#lanes.set(key, lane);
    return lane;
  }

  #flush(): void {
    this.#isFlushPlanned = false;
    const unkeyed = this.#unkeyed;
    this.#unkeyed = [];
    while (unkeyed.length > 0) void this.#request(takeRequest(unkeyed));
    for (const [key, lane] of this.#lanes) if (!lane.isBusy) void this.#work(key, lane);
  }

  async #work(key: string, lane: Lane): Promise<void> {
    lane.isBusy = true;
    while (lane.waiting.length > 0) await this.#request(takeRequest(lane.waiting));
    this.#lanes.delete(key);
  }

  /** Never rejects. */
  async #request(all: readonly Outgoing[]): Promise<void> {
    const batch = all.filter((outgoing) => isWanted(outgoing));
    if (batch.length === 0) return;
    for (const { call, index } of batch) call.markSent(index);
    try {
      const results = await this.#send(
        batch.map(({ message }) => message),
        this.#timeLeft(batch),
      );
      batch.forEach((outgoing, at) => {
        const result = results[at];
        if (result !== undefined) answer(outgoing, result);
      });
    } catch (cause) {
      await this.#refused(batch, cause);
    }
  }

  async #refused(batch: readonly Outgoing[], cause: unknown): Promise<void> {
    const error =
      cause instanceof TransportError ? cause : new TransportError("unknown", "Publishing failed", { cause });
    if (error.code === "invalid" && batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      await this.#request(batch.slice(0, half));
      await this.#request(batch.slice(half));
      return;
    }
    for (const outgoing of batch) answer(outgoing, publishFailure(error));
  }

  #timeLeft(batch: readonly Outgoing[]): number {
    const latest = batch.reduce((time, { call }) => Math.max(time, call.deadline), 0);
    return Math.max(1, Math.min(LIMITS.publishTimeoutMs, latest - this.#clock.now()));
  }
}

/** Takes from the front what fits into one request, at least one. */
function takeRequest(waiting: Outgoing[]): readonly Outgoing[] {
  let bytes = 0;
  let count = 0;
  for (const outgoing of waiting) {
    bytes += outgoing.bytes;
    if (count > 0 && (bytes > LIMITS.requestBytes || count === LIMITS.requestMessages)) break;
    count += 1;
  }
  return waiting.splice(0, count);
}

/** Not what was answered while it waited, nor what stands behind a failure of its key in the same call. */
function isWanted({ call, index, message: { orderingKey } }: Outgoing): boolean {
  if (call.hasFailedBefore(index, orderingKey)) call.answer(index, orderingKey, abortedBehind(orderingKey));
  return call.isOpen(index);
}

function answer({ call, index, message }: Outgoing, result: PublishResult): void {
  call.answer(index, message.orderingKey, result);
}

export function abortedBehind(key: string | undefined): PublishResult {
  return failure(new TransportError("aborted", `An earlier event of the key "${key}" in the same call failed`));
}
