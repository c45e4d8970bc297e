/**
 * Between an SDK that pushes and a core that pulls: what has arrived and nobody has received yet. It never holds more
 * than its capacity, and it takes in only while somebody receives.
 *
 * idle: nobody takes. Nothing is taken in, `free` is 0. Every mailbox begins like this.
 * active: from a `take` on, until none has run for `MAILBOX_IDLE_MS`. Then it is idle again, and what was not read is
 *   handed back, so that a subscription that stopped receiving keeps no event from the other members of its group.
 * closed: for good.
 */
import { MAILBOX_IDLE_MS } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { Doorbell } from "./doorbell.ts";
import { TransportError } from "./port.ts";

export interface MailboxOptions<T> {
  /** Items that may wait to be taken. */
  readonly capacity: number;
  readonly clock: Clock;
  /** `free` has grown, or the mailbox became active: what the adapter holds back may go on. Must not throw. */
  readonly onFree: () => void;
  /**
   * Nobody takes any more: `unread` (which may be empty) goes back to the broker, and the adapter asks for no more
   * until `onFree`. Must not throw.
   */
  readonly onIdle: (unread: readonly T[]) => void;
}

export class Mailbox<T> {
  readonly #options: MailboxOptions<T>;
  #unread: T[] = [];
  #status: "idle" | "active" | "closed" = "idle";
  /** Why the next take fails. */
  #failure: TransportError | undefined;
  #isTaking = false;
  readonly #doorbell = new Doorbell();
  #takenAt = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(options: MailboxOptions<T>) {
    this.#options = options;
  }

  /** How many items `push` takes now. */
  get free(): number {
    return this.#status === "active" ? this.#options.capacity - this.#unread.length : 0;
  }

  /** Never blocks. False: full, idle or closed; the item was not taken in, and the adapter hands it back itself. */
  push(item: T): boolean {
    if (this.free <= 0) return false;
    this.#failure = undefined; // of a time that has passed
    this.#unread.push(item);
    this.#doorbell.ring();
    return true;
  }

  /**
   * Waits for at least one item, answers 1 to `max` of them, or [] once the signal is aborted: what arrives at that
   * moment stays here for the next call. One call at a time (`invalid` otherwise). Rejects with `closed` after `close`,
   * and with the error of `fail`.
   */
  async take(max: number, signal: AbortSignal): Promise<readonly T[]> {
    if (this.#isTaking) throw new TransportError("invalid", "One receive of a consumer at a time");
    this.#isTaking = true;
    try {
      this.#activate();
      for (;;) {
        this.#throwFailure();
        if (signal.aborted) return [];
        if (this.#unread.length > 0) return this.#shift(max);
        await this.#doorbell.wait(signal);
      }
    } finally {
      this.#isTaking = false;
      this.#startIdleTimer();
    }
  }

  /** The running `take` rejects, or else the next one, unless an item arrives before. */
  fail(error: TransportError): void {
    this.#failure = error;
    this.#doorbell.ring();
  }

  /** Takes out what was not read: its channel, session or assignment is gone. */
  drain(): readonly T[] {
    const unread = this.#unread;
    this.#unread = [];
    if (unread.length > 0 && this.#status === "active") this.#options.onFree();
    return unread;
  }

  /** Answers what was not read, for the adapter to hand back. May be called again. */
  close(): readonly T[] {
    this.#status = "closed";
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#doorbell.ring();
    return this.drain();
  }

  #activate(): void {
    if (this.#status !== "idle") return;
    this.#status = "active";
    this.#options.onFree();
  }

  #throwFailure(): void {
    if (this.#status === "closed") throw new TransportError("closed", "The consumer is closed");
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #shift(max: number): readonly T[] {
    const items = this.#unread.splice(0, max);
    this.#options.onFree();
    return items;
  }

  /** One timer for many takes: it looks at the time of the last one. */
  #startIdleTimer(): void {
    const { clock } = this.#options;
    this.#takenAt = clock.monotonic();
    if (this.#status === "active") this.#cancelTimer ??= clock.timer(MAILBOX_IDLE_MS, () => this.#checkIdle());
  }

  #checkIdle(): void {
    const { clock, onIdle } = this.#options;
    this.#cancelTimer = undefined;
    if (this.#isTaking) return; // which starts it again
    const restMs = this.#takenAt + MAILBOX_IDLE_MS - clock.monotonic();
    if (restMs > 0) {
      this.#cancelTimer = clock.timer(restMs, () => this.#checkIdle());
      return;
    }
    this.#status = "idle";
    onIdle(this.drain());
  }
}
