/**
 * Rows of the store that fall due: parked deliveries (`retry`), or dead letters owed to the dead-letter sink
 * (`forward`). Keeps a small buffer of leased rows, so that a free slot finds one without waiting. A lease waits for the
 * commits before it, so rows are leased a little before they are due and held until then. One timer is for the next
 * lease, one for the first row of the buffer. The store is the truth: after a restart the first lease finds everything
 * again.
 */
import { LEASE_AHEAD_MS, LEASE_INTERVAL_MS, LEASE_ROWS, STORE_RETRY_MS_MAX } from "../limits.ts";
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
  /** In the order in which they are due. */
  #buffer: DeliveryRow[] = [];
  #nextDueAt: number | undefined;
  #cancelTimer: (() => void) | undefined;
  #cancelReady: (() => void) | undefined;
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
    this.#cancelReady?.();
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
    const [first] = this.#buffer;
    return this.#open && first !== undefined && this.#isDue(first);
  }

  /** Up to `max` ready rows, leased to the caller; leases more in the background. */
  take(max: number): readonly DeliveryRow[] {
    if (!this.#open) return [];
    const notDue = this.#buffer.findIndex((row) => !this.#isDue(row));
    const taken = this.#buffer.splice(0, notDue === -1 ? max : Math.min(max, notDue));
    this.#awaitFirst();
    if (this.#buffer.length < LEASE_ROWS / 2) this.#leaseIfDue();
    return taken;
  }

  #isDue({ dueAt = 0 }: DeliveryRow): boolean {
    return dueAt <= this.#options.clock.now();
  }

  /** Tells of the first row of the buffer once it is due; when it is due already, it waits for a free slot. */
  #awaitFirst(): void {
    this.#cancelReady?.();
    this.#cancelReady = undefined;
    const { clock } = this.#options;
    const [first] = this.#buffer;
    if (first === undefined || this.#isDue(first)) return;
    this.#cancelReady = clock.timer((first.dueAt ?? 0) - clock.now(), () => this.#announce());
  }

  /** A timer may go off a little before the wall clock says so. */
  #announce(): void {
    this.#awaitFirst();
    if (this.ready) this.#options.onReady();
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
    return Math.max(0, dueAt - LEASE_AHEAD_MS - clock.now(), this.#leaseFrom - clock.monotonic());
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
      const lease = await store.leaseDue({ subscription, lane, now: clock.now() + LEASE_AHEAD_MS, limit: LEASE_ROWS });
      if (!this.#open) return this.#release(lease.rows);
      this.#buffer.push(...lease.rows);
      this.#buffer.sort((one, other) => (one.dueAt ?? 0) - (other.dueAt ?? 0));
      if (lease.rows.length < LEASE_ROWS) this.#leaseFrom = clock.monotonic() + LEASE_INTERVAL_MS;
      if (lease.nextDueAt !== undefined) this.expect(lease.nextDueAt);
    } catch (error) {
      logger.warn({ subscription, lane, error: String(error) }, "due deliveries could not be read; trying again");
      this.expect(clock.now() + STORE_RETRY_MS_MAX);
    } finally {
      this.#leasing = false;
    }
    this.#arm();
    this.#announce();
  }
}
