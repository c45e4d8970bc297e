/**
 * Which rows this process has leased, by subscription and lane. A lease ends when the change that ends it is committed,
 * not before: a `leaseDue` that overtook the change would still find the row as due, and hand it out a second time.
 *
 * While a `leaseDue` is under way, leases may end without it seeing the rows in their new state, so their due times are
 * collected and count for its answer. One at a time is under way for a subscription and lane: a second one, sealed
 * before the first is answered, would find the same rows.
 *
 * A row may be parked as leased, by an attempt that runs already. Its `seq` is not known then, so a `leaseDue` may find
 * it; it is kept from the caller, and its `seq` is known from then on. When its lease ends while a `leaseDue` is under way,
 * that one may have found it as it was before, so it is kept from that caller too.
 */
import type { LeaseRequest } from "../port.ts";

export type Lane = LeaseRequest["lane"];

interface StoredRow {
  readonly subscription: string;
  readonly id: string;
  readonly seq: number;
}

/** What one `leaseDue` found. */
interface Found<Row> {
  readonly rows: readonly Row[];
  readonly nextDueAt: number | undefined;
}

const UNKNOWN_SEQ = -1;

export class Leases {
  readonly #bySubscription: Readonly<Record<Lane, Map<string, LaneLeases>>> = { retry: new Map(), forward: new Map() };
  readonly #byId: Readonly<Record<Lane, Map<string, LaneLeases>>> = { retry: new Map(), forward: new Map() };

  /** Runs `find` with the `seq` of all held rows, when its turn has come; holds what it finds. */
  lease<Row extends StoredRow>(
    { subscription, lane }: { readonly subscription: string; readonly lane: Lane },
    find: (held: () => Float64Array) => Promise<Found<Row>>,
  ): Promise<{ readonly ids: ReadonlySet<string>; readonly nextDueAt: number | undefined }> {
    const leases = this.#of(lane, subscription);
    return leases.inTurn(async () => {
      leases.freedDueAt = Number.POSITIVE_INFINITY;
      const { rows, nextDueAt } = await find(() => {
        leases.endedMeanwhile.clear();
        return Float64Array.from(leases.held.values());
      });
      const ids = this.take(
        lane,
        rows.filter(({ id }) => !leases.endedMeanwhile.has(id)),
      );
      const earliest = Math.min(nextDueAt ?? Number.POSITIVE_INFINITY, leases.freedDueAt);
      return { ids, nextDueAt: earliest === Number.POSITIVE_INFINITY ? undefined : earliest };
    });
  }

  /** Holds these rows; answers the ids of those that were not held. */
  take(lane: Lane, rows: readonly StoredRow[]): ReadonlySet<string> {
    const ids = new Set<string>();
    for (const { subscription, id, seq } of rows) {
      const leases = this.#of(lane, subscription);
      if (!leases.held.has(id)) ids.add(id);
      leases.held.set(id, seq);
      this.#byId[lane].set(id, leases);
    }
    return ids;
  }

  /** The row is about to be parked as leased. */
  hold(lane: Lane, subscription: string, id: string): void {
    const leases = this.#of(lane, subscription);
    leases.held.set(id, UNKNOWN_SEQ);
    this.#byId[lane].set(id, leases);
  }

  /** The row is committed with a new due time, or without one (`undefined`). */
  end(lane: Lane, id: string, dueAt: number | undefined): void {
    const leases = this.#byId[lane].get(id);
    if (leases === undefined) return;
    this.#byId[lane].delete(id);
    if (leases.held.get(id) === UNKNOWN_SEQ) leases.endedMeanwhile.add(id);
    leases.held.delete(id);
    if (dueAt !== undefined) leases.freedDueAt = Math.min(leases.freedDueAt, dueAt);
  }

  /** The row is gone. */
  forget(id: string): void {
    this.end("retry", id, undefined);
    this.end("forward", id, undefined);
  }

  /** Given back untouched, so due at once. */
  release(lane: Lane, id: string): void {
    this.end(lane, id, 0);
  }

  endAll(subscription: string): void {
    for (const lane of ["retry", "forward"] as const) {
      for (const id of this.#of(lane, subscription).held.keys()) this.#byId[lane].delete(id);
      this.#bySubscription[lane].delete(subscription);
    }
  }

  #of(lane: Lane, subscription: string): LaneLeases {
    const known = this.#bySubscription[lane].get(subscription);
    if (known !== undefined) return known;
    const leases = new LaneLeases();
    this.#bySubscription[lane].set(subscription, leases);
    return leases;
  }
}

class LaneLeases {
  /** `seq` by delivery id. */
  readonly held = new Map<string, number>();
  freedDueAt = Number.POSITIVE_INFINITY;
  /** Rows without a known `seq` whose lease ended since the last `leaseDue` began. */
  readonly endedMeanwhile = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => undefined); // its caller is told
    return result;
  }
}
