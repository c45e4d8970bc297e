/** What the API shows: internal values as JSON, with times as RFC 3339 and events in the CloudEvents JSON format. */
import type {
  RecentOutcome,
  ReplayPoint,
  ReplayView,
  SubscriptionStatus,
  SubscriptionView,
  TopicView,
  Trace,
  TraceDelivery,
  TransportView,
} from "../../bus/bus.ts";
import { describeTopic } from "../../config/topic.ts";
import type { Event } from "../../event/event.ts";
import { encodeStructured } from "../../event/json.ts";
import type { PulledDelivery } from "../../sink/pull.ts";
import type { AttemptRecord, DeliveryRow, DeliveryRowWithHistory, Page } from "../../store/port.ts";
import { type Item, isMalformed, type Malformed, type TopicStats } from "../../transport/port.ts";
import { RawJson } from "./json.ts";

export function pageView<T>(page: Page<T>, view: (item: T) => object): object {
  return { items: page.items.map(view), next: page.next ?? null };
}

export function topicView({ plan, origin, state, reason, stats }: TopicView): object {
  const shown = { origin, state, reason: reason ?? null, stats: topicStatsView(stats) };
  return { name: plan.name, ...describeTopic(plan), ...shown };
}

function topicStatsView({ events, bytes, oldestAt, newestAt }: TopicStats): object {
  return { events: events ?? null, bytes: bytes ?? null, oldestAt: time(oldestAt), newestAt: time(newestAt) };
}

/** An event as it lies in its topic. */
export function itemView({ event, position, storedAt }: Item): object {
  return { position, storedAt: time(storedAt), ...eventMembers(event) };
}

export function subscriptionView({ subscription, origin, revision, status }: SubscriptionView): object {
  const { warnings } = subscription.filter;
  return { ...subscription.input, origin, revision, warnings, status: statusView(status) };
}

function statusView(status: SubscriptionStatus): object {
  const { reason, backlog, oldestAt, lastFilterError, lastError, lastAttemptAt, ...numbers } = status;
  return {
    ...numbers,
    reason: reason ?? null,
    backlog: backlog ?? null,
    oldestAt: time(oldestAt),
    lastFilterError: lastFilterError ?? null,
    lastError: lastError ?? null,
    lastAttemptAt: time(lastAttemptAt),
  };
}

/** A delivery that has a row: parked, or a dead letter. */
export function deliveryView(row: DeliveryRow): object {
  return row.state === "dead" ? deadLetterView(row) : parkedView(row);
}

function parkedView(row: DeliveryRow): object {
  const { dueAt, scheduled } = row;
  return { state: "parked", ...rowMembers(row), nextAttemptAt: time(dueAt), scheduled, ...eventMembers(row.event) };
}

export function deadLetterView(row: DeliveryRow): object {
  return {
    state: "dead",
    ...rowMembers(row),
    reason: row.reason ?? null,
    detail: row.detail ?? null,
    diedAt: time(row.diedAt),
    forwardedAt: time(row.forwardedAt),
    ...eventMembers(row.event),
  };
}

export function withHistory(row: DeliveryRowWithHistory): object {
  return { ...deliveryView(row), history: row.history.map(attemptView) };
}

function rowMembers(row: DeliveryRow): object {
  return {
    id: row.id,
    subscription: row.subscription,
    position: row.position,
    key: row.key ?? null,
    attempts: row.attempts,
    firstAttemptAt: time(row.firstAttemptAt),
    lastAttemptAt: time(row.lastAttemptAt),
    lastStatus: row.lastStatus ?? null,
    lastError: row.lastError ?? null,
    lastResponse: row.lastResponse ?? null,
  };
}

function attemptView({ startedAt, status, error, response, ...rest }: AttemptRecord): object {
  return {
    ...rest,
    startedAt: time(startedAt),
    status: status ?? null,
    error: error ?? null,
    response: response ?? null,
  };
}

export function outcomeView(outcome: RecentOutcome): object {
  const { eventId, eventSource, eventType, status, at, ...rest } = outcome;
  return {
    ...rest,
    event: { id: eventId, source: eventSource, type: eventType },
    status: status ?? null,
    at: time(at),
  };
}

export function pulledView({ lock, expiresAt, delivery }: PulledDelivery): object {
  const { id, attempt, event } = delivery;
  return { lock, expiresAt: time(expiresAt), delivery: id, attempt, ...eventMembers(event) };
}

export function replayView({ request, ...replay }: ReplayView): object {
  const { from, to, filters, perSecond } = request;
  const { id, subscription, state, reason, scanned, matched, next, startedAt, endedAt } = replay;
  return {
    ...{ id, subscription, state, reason: reason ?? null },
    from: from === "earliest" ? from : pointView(from),
    to: to === undefined ? null : pointView(to),
    ...{ filters: filters ?? [], perSecond: perSecond ?? null },
    ...{ scanned, matched, next: next ?? null, startedAt: time(startedAt), endedAt: time(endedAt) },
  };
}

function pointView(point: ReplayPoint): object {
  return "time" in point ? { time: time(point.time) } : point;
}

export function traceView({ occurrences, rows, complete }: Trace): object {
  return {
    complete,
    occurrences: occurrences.map(({ item, deliveries }) => ({
      ...itemView(item),
      deliveries: deliveries.map(traceDeliveryView),
    })),
    rows: rows.map(withHistory),
  };
}

function traceDeliveryView({ subscription, state, row, recent }: TraceDelivery): object {
  return {
    subscription,
    state,
    delivery: row === undefined ? null : withHistory(row),
    recent: recent === undefined ? null : outcomeView(recent),
  };
}

export function transportView({ lastError, ...rest }: TransportView): object {
  return { ...rest, lastError: lastError ?? null };
}

/** A message that is no CloudEvent has no `event`; it is shown as it came. */
function eventMembers(event: Event | Malformed): object {
  if (!isMalformed(event)) return { event: new RawJson(encodeStructured(event).toString("utf8")) };
  const { malformed, headers, bytes } = event;
  return { event: null, malformed: { problem: malformed, headers, bytes: bytes.toString("base64") } };
}

function time(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
