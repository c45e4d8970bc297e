/**
 * Keeps the order of a group across the end of a consumer. What the server has delivered and nobody settled it delivers
 * again only after `ack_wait`, when a process was killed, a connection was lost, or the server itself started anew. Until
 * then it goes on with what is newer, which is therefore kept aside:
 *
 * What was unsettled is not all missing: what came here is held or was settled, and of that only the acks may be lost. The
 * server numbers its deliveries, and a connection breaks at its end: so what never came is what it has delivered since the
 * newest that came.
 *
 * none: all that was delivered came here. Events are taken in as they come.
 * awaiting: some events up to `#boundary` never came. Those are taken in as they come; newer
 *   ones go aside, and once there is one, nothing more is asked for until `ack_wait` is over, since then the missing ones
 *   come first. It ends with the last of them, and also when `ack_wait` is over and something newer comes before them:
 *   another member of the group works on them, or has settled them.
 */
import type { Clock } from "../../src/runtime/clock.ts";
import { LIMITS } from "./limits.ts";

export interface ReturnsOptions<T> {
  readonly clock: Clock;
  /** It has ended: these are next, in their order. */
  readonly onEnd: (aside: readonly T[]) => void;
  /** `ack_wait` is over: it is time to ask. */
  readonly onDue: () => void;
}

/** What the server tells of the group. */
interface Unsettled {
  /** Up to this sequence it has delivered. */
  readonly boundary: number;
  /** How many of those are unsettled, and not held here. */
  readonly unheld: number;
  /** How many deliveries it has made, repeated ones too. */
  readonly deliveries: number;
  readonly ackWaitMs: number;
  /** How long ago the last of them was. */
  readonly sinceDeliveryMs: number;
}

export class Returns<T> {
  readonly #options: ReturnsOptions<T>;
  #boundary = 0;
  #missing = 0;
  /** The number of the newest delivery that came and was not given back. */
  #newest = 0;
  #isDue = false;
  #aside: T[] = [];
  #cancelTimer: (() => void) | undefined;

  constructor(options: ReturnsOptions<T>) {
    this.#options = options;
  }

  /** The server was looked at. What is aside stays there until the end. */
  expect({ boundary, unheld, deliveries, ackWaitMs, sinceDeliveryMs }: Unsettled): void {
    this.#cancelTimer?.();
    this.#boundary = boundary;
    const isStillAwaiting = this.#missing > 0;
    // What another process was handed it may have kept for longer than a lease.
    const waitedMs = this.#newest === 0 || isStillAwaiting ? 0 : Math.min(sinceDeliveryMs, ackWaitMs);
    this.#newest = Math.min(this.#newest, deliveries); // a server that crashed counts again
    this.#missing = Math.max(0, Math.min(unheld, this.#missing + deliveries - this.#newest));
    this.#isDue = false;
    const dueMs = ackWaitMs - waitedMs + LIMITS.returnGraceMs;
    if (this.#missing === 0) this.#end();
    else this.#cancelTimer = this.#options.clock.timer(dueMs, () => this.#due());
  }

  /** A delivery came, whatever becomes of it. */
  came(number: number): void {
    this.#newest = Math.max(this.#newest, number);
  }

  /** So many events were given back, to be delivered again. */
  gaveBack(count: number): void {
    this.#newest = Math.max(0, this.#newest - count);
  }

  /** The group was created again, and counts its deliveries anew. */
  restart(): void {
    this.#newest = 0;
  }

  /** How many events to ask for, where there is room for `free` of them. */
  wanted(free: number): number {
    if (this.#missing === 0) return free;
    if (this.#aside.length > 0 && !this.#isDue) return 0;
    return Math.min(this.#missing, free - this.#aside.length);
  }

  /** Puts an event aside. False: it is its turn. */
  keep(sequence: number, event: T): boolean {
    if (this.#missing === 0 || sequence <= this.#boundary) return false;
    this.#aside.push(event);
    return true;
  }

  /** An event that was neither held nor settled here has come, and was taken in or put aside. */
  arrived(sequence: number): void {
    if (this.#missing === 0) return;
    if (sequence <= this.#boundary) this.#missing -= 1;
    else if (this.#isDue) this.#missing = 0;
    if (this.#missing === 0) this.#end();
  }

  /** Takes out what is aside: nobody wants it now, or it belongs to the past. */
  drain(): readonly T[] {
    const aside = this.#aside;
    this.#aside = [];
    this.#missing = 0;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    return aside;
  }

  #due(): void {
    this.#isDue = true;
    this.#options.onDue();
  }

  #end(): void {
    this.#options.onEnd(this.drain());
  }
}
