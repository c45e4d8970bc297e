/** Events and rows for the cases; each call gives fresh ids. */
import { randomUUID } from "node:crypto";
import type { Attribute, Data, Event } from "../../../src/event/event.ts";
import type { AttemptRecord, DeadLetter, Park, Reschedule } from "../../../src/store/port.ts";
import type { Malformed } from "../../../src/transport/port.ts";

/** When things happen for which the time is of no account. */
export const NOW = 6_000;

/** The subscriptions of all cases: what is left of one case, the next one deletes. */
export const BILLING = "billing";
export const OTHER = "other";

const text = (name: string, value: string): Attribute => ({ name, type: "string", value });

export function eventOf(
  parts: { readonly id?: string; readonly source?: string; readonly type?: string; readonly data?: Data } = {},
): Event {
  const { id = randomUUID(), source = "/shop", type = "order.created", data } = parts;
  const attributes = [
    text("id", id),
    { name: "source", type: "uri-reference" as const, value: source },
    text("type", type),
  ];
  return { id, source, type, attributes, data, structured: undefined };
}

export const malformed: Malformed = {
  malformed: "no id: ü",
  headers: [
    ["content-type", "text/plain"],
    ["content-type", "again"],
  ],
  bytes: Buffer.from([0xff, 0x00, 0xfe]),
};

export function attemptOf(number: number, parts: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    number,
    startedAt: 1_000 * number,
    durationMs: 12.5,
    outcome: "retry",
    status: 503,
    error: "the sink answered 503",
    response: "busy",
    ...parts,
  };
}

export function parkOf(subscription: string, parts: Partial<Park> = {}): Park {
  return {
    id: randomUUID(),
    subscription,
    position: randomUUID(),
    attempts: 1,
    firstAttemptAt: 1_000,
    lastAttemptAt: 1_000,
    event: eventOf(),
    dueAt: 5_000,
    attempt: attemptOf(1),
    key: undefined,
    scheduled: false,
    leased: false,
    uncleanStops: 0,
    ...parts,
  };
}

export function rescheduleOf(park: Park, number: number, dueAt: number): Reschedule {
  const { id, subscription, position, key, firstAttemptAt } = park;
  const attempt = attemptOf(number);
  return {
    id,
    subscription,
    position,
    key,
    firstAttemptAt,
    attempts: number,
    lastAttemptAt: attempt.startedAt,
    dueAt,
    attempt,
  };
}

export function deadOf(subscription: string, parts: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id: randomUUID(),
    subscription,
    position: randomUUID(),
    attempts: 1,
    firstAttemptAt: 1_000,
    lastAttemptAt: 1_000,
    reason: "rejected",
    detail: "the sink answered 400",
    diedAt: 2_000,
    event: eventOf(),
    attempt: attemptOf(1, { outcome: "reject", status: 400 }),
    key: undefined,
    blocks: false,
    forwardDueAt: undefined,
    ...parts,
  };
}

/** The same delivery, given up. Its event is in its row. */
export function deadAfter(park: Park, parts: Partial<DeadLetter> = {}): DeadLetter {
  const { id, position, key, firstAttemptAt } = park;
  return deadOf(park.subscription, { id, position, key, firstAttemptAt, event: undefined, ...parts });
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

export function idsOf(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id);
}
