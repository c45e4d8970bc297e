/**
 * Rows of the store that fall due: parked deliveries (`retry`), or dead letters owed to the dead-letter sink
 * (`forward`). Keeps a small buffer of leased rows, so that a free slot finds one without waiting, and one timer for
 * the next due time. The store is the truth: after a restart the first lease finds everything again.
 */
import { LEASE_INTERVAL_MS, LEASE_ROWS, STORE_RETRY_MS_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { DeliveryRow, LeaseRequest, Store } from "../store/port.ts";

export interface DueLaneOptions {
  readonly subscription: string;
  readonly lane: LeaseRequest["lane"];
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when rows became ready to be taken. */
  readonly onReady: () => void;
}

export class DueLane {
  readonly #options: DueLaneOptions;
  #buffer: DeliveryRow[] = [];
  #nextDueAt: number | undefined;
  #cancelTimer: (() => void) | undefined;
  #leasing = false;
  /** When the next lease may be taken, by the monotonic clock. */
  #leaseFrom = 0;
  #open = false;

  constructor(options: DueLaneOptions) {
    this.#options = options;
  }

  /** Starts handing out; `nextDueAt` as the store counted it, or undefined when there is no row. */
  open(nextDueAt: number | undefined): void {
    this.#open = true;
    this.#nextDueAt = nextDueAt;
    this.#arm();
  }

  /** Stops handing out and gives leased rows back. */
  close(): void {
    this.#open = false;
    this.#cancelTimer?.();
    this.#giveBack();
  }

  /** A row was written that falls due then. */
  expect(dueAt: number): void {
    if (this.#nextDueAt !== undefined && this.#nextDueAt <= dueAt) return;
    this.#nextDueAt = dueAt;
    if (this.#open) this.#arm();
  }

  /** Whether a row is ready to be taken. */
  get ready(): boolean {
    return this.#open && this.#buffer.length > 0;
  }

  /** Up to `max` ready rows, leased to the caller; leases more in the background. */
  take(max: number): readonly DeliveryRow[] {
    if (!this.#open) return [];
    const taken = this.#buffer.splice(0, max);
    if (this.#buffer.length < LEASE_ROWS / 2) this.#leaseIfDue();
    return taken;
  }

  #giveBack(): void {
    this.#release(this.#buffer);
    this.#buffer = [];
  }

  #release(rows: readonly DeliveryRow[]): void {
    const { store, lane } = this.#options;
    store.release(
      lane,
      rows.map(({ id }) => id),
    );
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#nextDueAt === undefined || this.#buffer.length >= LEASE_ROWS / 2) return;
    this.#cancelTimer = this.#options.clock.timer(this.#waitMs(this.#nextDueAt), () => this.#leaseIfDue());
  }

  #waitMs(dueAt: number): number {
    const { clock } = this.#options;
    return Math.max(0, dueAt - clock.now(), this.#leaseFrom - clock.monotonic());
  }

  #leaseIfDue(): void {
    const due = this.#nextDueAt !== undefined && this.#waitMs(this.#nextDueAt) === 0;
    if (!due) this.#arm();
    else if (!this.#leasing && this.#open) void this.#lease();
  }

  async #lease(): Promise<void> {
    const { store, clock, subscription, lane, logger } = this.#options;
    this.#leasing = true;
    // A row written while the lease is under way may fall due earlier than what the lease reports.
    this.#nextDueAt = undefined;
    try {
      const lease = await store.leaseDue({ subscription, lane, now: clock.now(), limit: LEASE_ROWS });
      if (!this.#open) return this.#release(lease.rows);
      this.#buffer.push(...lease.rows);
      if (lease.rows.length < LEASE_ROWS) this.#leaseFrom = clock.monotonic() + LEASE_INTERVAL_MS;
      if (lease.nextDueAt !== undefined) this.expect(lease.nextDueAt);
    } catch (error) {
      logger.warn({ subscription, lane, error: String(error) }, "due deliveries could not be read; trying again");
      this.expect(clock.now() + STORE_RETRY_MS_MAX);
    } finally {
      this.#leasing = false;
    }
    this.#arm();
    if (this.#buffer.length > 0) this.#options.onReady();
  }
}
