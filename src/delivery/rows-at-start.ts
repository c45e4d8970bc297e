/** What a runner finds in the store when it starts, once it has settled what the process, or the policy, before left. */
import type { Clock } from "../runtime/clock.ts";
import type { RowCounts, Store } from "../store/port.ts";
import type { Subscription } from "../subscription/subscription.ts";

export interface RowsAtStart {
  readonly counts: RowCounts;
  /** How many rows hold each key; none where no order is kept. */
  readonly heldKeys: ReadonlyMap<string, number>;
}

export interface RowsAtStartOptions {
  readonly subscription: Subscription;
  readonly store: Store;
  readonly clock: Clock;
  /** The process did not end by itself the last time. */
  readonly afterUncleanStop: boolean;
}

export async function readRowsAtStart(options: RowsAtStartOptions): Promise<RowsAtStart> {
  const { subscription, store, afterUncleanStop } = options;
  if (afterUncleanStop) await store.countUncleanStop(subscription.id);
  const counts = await countRows(options);
  const isOrdered = subscription.policy.ordering !== undefined;
  return { counts, heldKeys: isOrdered ? await store.heldKeys(subscription.id) : new Map() };
}

/** Dead letters that blocked their keys under the policy before block them no more, unless this one wants it too. */
async function countRows({ subscription, store, clock }: RowsAtStartOptions): Promise<RowCounts> {
  const counts = await store.counts(subscription.id);
  if (counts.blocking === 0 || subscription.policy.ordering?.onDeadLetter === "block") return counts;
  await store.unblock(subscription.id, clock.now());
  return store.counts(subscription.id);
}
