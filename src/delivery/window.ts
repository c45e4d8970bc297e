/**
 * The window of a subscription: exactly `max` attempts at once, shared by two lanes. First attempts come from the
 * transport, retries from the store.
 *
 * While no retry is due the first lane may use every slot. While retries are due each lane has a share it can't be
 * pushed out of: retries a quarter, first attempts the rest. A lane that has nothing to do lends its share: when the
 * transport had nothing to hand out, or `receive` is held back by a bound, retries may use all slots but the one that
 * `receive` waits with. With a single slot the lanes take turns.
 *
 * A pending `receive` claims its slots, because what it brings has to start at once.
 */
import { RETRY_LANE_SHARE } from "../limits.ts";

export class Window {
  readonly max: number;
  readonly #retryShare: number;
  #first = 0;
  #retry = 0;
  #claimed = 0;
  /** The transport had nothing to hand out when it was last asked. */
  #firstLaneIdle = false;
  #lastWasRetry = false;

  constructor(max: number) {
    this.max = max;
    this.#retryShare = Math.max(1, Math.floor(max * RETRY_LANE_SHARE));
  }

  get running(): number {
    return this.#first + this.#retry;
  }

  get #free(): number {
    return this.max - this.#first - this.#retry - this.#claimed;
  }

  /** How many first attempts `receive` may bring now. */
  firstSlots(retriesDue: boolean): number {
    if (!retriesDue) return this.#free;
    if (this.max === 1) return this.#lastWasRetry ? this.#free : 0;
    const wanted = this.#firstLaneIdle ? 1 : this.max - this.#retryShare - this.#first;
    return Math.max(0, Math.min(this.#free, wanted));
  }

  /** How many due retries may start now; `receiveHeldBack` while a bound keeps the first lane closed. */
  retrySlots(receiveHeldBack: boolean): number {
    return Math.max(0, Math.min(this.#free, this.#retryLimit(receiveHeldBack) - this.#retry));
  }

  /** Whether a due retry would start if the pending `receive` gave its claimed slots back. */
  shouldEndReceive(): boolean {
    return this.#claimed > 0 && this.#free === 0 && this.#retry < this.#retryShare;
  }

  #retryLimit(receiveHeldBack: boolean): number {
    if (receiveHeldBack) return this.max;
    if (this.max === 1) return this.#lastWasRetry && !this.#firstLaneIdle ? 0 : 1;
    return this.#firstLaneIdle ? this.max - 1 : this.#retryShare;
  }

  claim(slots: number): void {
    this.#claimed = slots;
  }

  /** `receive` came back with `received` first attempts, which start now. */
  received(received: number): void {
    this.#claimed = 0;
    this.#first += received;
    this.#firstLaneIdle = received === 0;
    if (received > 0) this.#lastWasRetry = false;
  }

  startRetries(count: number): void {
    this.#retry += count;
    if (count > 0) this.#lastWasRetry = true;
    if (count > 0 && this.max === 1) this.#firstLaneIdle = false;
  }

  end(lane: "first" | "retry"): void {
    if (lane === "first") this.#first -= 1;
    else this.#retry -= 1;
  }
}
