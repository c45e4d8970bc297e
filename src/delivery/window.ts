/**
 * The window of a subscription: exactly `max` attempts at once, shared by two lanes. First attempts come from the
 * transport, retries from the store.
 *
 * While only one lane has something to start it may use every slot; but retries leave one for what may be received next.
 * While both have, each has a share it can't be pushed out of: retries a quarter, first attempts the rest. Where only one
 * attempt can start at a time, the lanes take turns.
 */
import { RETRY_LANE_SHARE } from "../limits.ts";

export type Lane = "first" | "retry";

export class Window {
  readonly max: number;
  readonly #retryShare: number;
  readonly #running = { first: 0, retry: 0 };
  #lastWasRetry = false;

  constructor(max: number) {
    this.max = max;
    this.#retryShare = Math.max(1, Math.floor(max * RETRY_LANE_SHARE));
  }

  get running(): number {
    return this.#running.first + this.#running.retry;
  }

  /**
   * Whether an attempt of this lane may start, of `allowance` that may start at all. The other lane is `ready` when it
   * has something to start, `open` when it may have soon, `closed` when it will not.
   */
  mayStart(lane: Lane, other: "ready" | "open" | "closed", allowance: number): boolean {
    if (this.running >= this.max || allowance < 1) return false;
    if (other !== "ready") return lane === "first" || this.#running.retry < this.#retryLimit(other);
    if (this.max === 1 || allowance < 2) return this.#lastWasRetry === (lane === "first");
    return lane === "retry"
      ? this.#running.retry < this.#retryShare
      : this.#running.first < this.max - this.#retryShare;
  }

  /** How many first attempts may be received, with `waiting` of them at hand already. */
  receivable(retriesReady: boolean, waiting: number): number {
    if (!retriesReady) return this.max - this.running - waiting;
    if (this.max === 1) return this.#lastWasRetry ? 1 - waiting : 0;
    return this.max - this.#retryShare - this.#running.first - waiting;
  }

  start(lane: Lane): void {
    this.#running[lane] += 1;
    this.#lastWasRetry = lane === "retry";
  }

  end(lane: Lane): void {
    this.#running[lane] -= 1;
  }

  #retryLimit(firstLane: "open" | "closed"): number {
    return firstLane === "closed" ? this.max : Math.max(1, this.max - 1);
  }
}
