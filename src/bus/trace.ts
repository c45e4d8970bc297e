/**
 * What happened to one event: where it stands in the log, and for each subscription of the topic whether it matched,
 * waits, runs, is parked or dead, or was delivered. Joined from the log, the rows and the ring; nothing is recorded for
 * it on the hot path, so "delivered" is derived when the ring has forgotten: the position has passed, and no row is left.
 */
import { deliveryId } from "../delivery/delivery-id.ts";
import type { DeliveryRowWithHistory } from "../store/port.ts";
import { type Item, isMalformed } from "../transport/port.ts";
import type { Trace, TraceDelivery } from "./bus.ts";
import type { BusContext } from "./context.ts";
import type { SubscriptionEntry } from "./subscription-entry.ts";
import type { Topic } from "./topic.ts";

export async function traceEvent(
  context: BusContext,
  topic: Topic,
  entries: readonly SubscriptionEntry[],
  identity: { readonly source: string; readonly id: string },
): Promise<Trace> {
  const ids = new Set(entries.map(({ id }) => id));
  const rows = (await context.store.trace(identity.source, identity.id)).filter((row) => ids.has(row.subscription));
  const found = await findInLog(topic, identity);
  const occurrences = await Promise.all(
    found.items.map(async (item) => ({
      item,
      deliveries: await Promise.all(entries.map((entry) => traceDelivery(topic, entry, item, rows))),
    })),
  );
  const shown = new Set(occurrences.flatMap(({ deliveries }) => deliveries.map(({ row }) => row?.id)));
  return { occurrences, rows: rows.filter(({ id }) => !shown.has(id)), complete: found.complete };
}

async function findInLog(topic: Topic, identity: { source: string; id: string }) {
  if (!topic.transport.capabilities.find) return { items: [], complete: false };
  return topic.transport.find(topic.plan.address, identity);
}

async function traceDelivery(
  topic: Topic,
  entry: SubscriptionEntry,
  item: Item,
  rows: readonly DeliveryRowWithHistory[],
): Promise<TraceDelivery> {
  const id = deliveryId(entry.id, item.position);
  const row = rows.find((candidate) => candidate.id === id);
  const recent = entry.recentAt(item.position);
  return { subscription: entry.id, state: await deliveryState(topic, entry, item, row), row, recent };
}

async function deliveryState(
  topic: Topic,
  entry: SubscriptionEntry,
  item: Item,
  row: DeliveryRowWithHistory | undefined,
): Promise<TraceDelivery["state"]> {
  if (row !== undefined) return row.state === "dead" ? "dead-lettered" : "parked";
  if (!isMalformed(item.event) && !entry.subscription.matcher.matches(item.event)) return "not-matched";
  const progress = await topic.transport.progress(topic.plan.address, entry.group, item.position);
  return STATE_BY_PROGRESS[progress];
}

const STATE_BY_PROGRESS = {
  before: "before-subscription",
  unread: "waiting",
  open: "in-flight",
  settled: "delivered",
  unknown: "unknown",
} as const;
