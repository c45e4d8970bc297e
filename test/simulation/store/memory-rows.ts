/**
 * The rows of the memory store, as the port shows them. What a call says of a delivery is copied into its row whole, so
 * that a member which the port gets one day is kept without a word about it here.
 */
import type { Event } from "../../../src/event/event.ts";
import { recordBytes } from "../../../src/event/record.ts";
import { ATTEMPT_HISTORY_MAX } from "../../../src/limits.ts";
import type {
  AttemptRecord,
  DeadLetter,
  DeliveryFilter,
  DeliveryRow,
  DeliveryRowWithHistory,
  Park,
  Reschedule,
} from "../../../src/store/port.ts";
import { isMalformed, type Malformed } from "../../../src/transport/port.ts";

export interface MemoryRow {
  /** Grows with the time of the first row, which is what lists page by. */
  readonly seq: number;
  readonly row: DeliveryRow;
  readonly history: readonly AttemptRecord[];
  /** A dead letter that holds its key. */
  readonly blocks: boolean;
  /** Marked as being attempted. */
  readonly isAttempting: boolean;
}

const ALIVE = { reason: undefined, detail: undefined, diedAt: undefined, forwardedAt: undefined } as const;
const UNANSWERED = { lastStatus: undefined, lastError: undefined, lastResponse: undefined } as const;
const AT_REST = { blocks: false, isAttempting: false } as const;

/** `dueAt`: when it may be due, which may be never while another row holds its key. */
export function parkedRow(seq: number, park: Park, dueAt: number | undefined): MemoryRow {
  const { attempt, leased: _, ...parked } = park;
  const row = { ...parked, dueAt, state: "parked", ...ALIVE, ...UNANSWERED } as const;
  return withAttempt({ seq, row, history: [], ...AT_REST }, attempt);
}

export function rescheduled(known: MemoryRow, change: Park | Reschedule, dueAt: number | undefined): MemoryRow {
  const { id, subscription, position, key, attempts, firstAttemptAt, lastAttemptAt, attempt } = change;
  const uncleanStops = attempt === undefined ? known.row.uncleanStops : 0;
  const state = { id, subscription, position, key, attempts, firstAttemptAt, lastAttemptAt, uncleanStops };
  return withAttempt({ ...known, ...AT_REST, row: { ...known.row, ...state, dueAt, scheduled: false } }, attempt);
}

/** Undefined when there is neither a row nor an event to make one of. */
export function deadRow(seq: number, known: MemoryRow | undefined, dead: DeadLetter): MemoryRow | undefined {
  const { attempt, forwardDueAt: dueAt, event: given, blocks, ...change } = dead;
  const { row: before = { ...UNANSWERED, uncleanStops: 0, key: dead.key }, history = [] } = known ?? {};
  const event = known?.row.event ?? given;
  if (event === undefined) return undefined;
  const died = { state: "dead", event, dueAt, key: before.key, scheduled: false, forwardedAt: undefined } as const;
  const row: DeliveryRow = { ...before, ...change, ...died };
  return withAttempt({ seq: known?.seq ?? seq, row, history, blocks, isAttempting: false }, attempt);
}

export function redriven(known: MemoryRow, dueAt: number | undefined): MemoryRow {
  const again = { state: "parked", attempts: 0, uncleanStops: 0, firstAttemptAt: undefined, dueAt } as const;
  return { ...known, ...AT_REST, row: { ...known.row, ...again, ...ALIVE } };
}

export function uncleanlyStopped(known: MemoryRow): MemoryRow {
  return { ...changed(known, { uncleanStops: known.row.uncleanStops + 1 }), isAttempting: false };
}

export function holdsKey({ row, blocks }: MemoryRow, subscription: string, key: string): boolean {
  return row.subscription === subscription && row.key === key && (row.state === "parked" || blocks);
}

export function changed(known: MemoryRow, change: Partial<DeliveryRow>): MemoryRow {
  return { ...known, row: { ...known.row, ...change } };
}

export function withHistory({ row, history }: MemoryRow): DeliveryRowWithHistory {
  return { ...row, history };
}

export function isRedrivable({ row }: MemoryRow): boolean {
  return !isMalformed(row.event);
}

export function matchesFilter({ row }: MemoryRow, filter: DeliveryFilter): boolean {
  const { reason, type, source, eventId, since, until } = filter;
  const { diedAt = Number.NaN, event } = row;
  const identity = isMalformed(event) ? undefined : event;
  return (
    (reason === undefined || row.reason === reason) &&
    (type === undefined || identity?.type === type) &&
    (source === undefined || identity?.source === source) &&
    (eventId === undefined || identity?.id === eventId) &&
    (since === undefined || diedAt >= since) &&
    (until === undefined || diedAt < until)
  );
}

export function eventBytes(event: Event | Malformed): number {
  return isMalformed(event) ? event.bytes.length : recordBytes(event);
}

/** The same attempt again changes nothing. What was cut off says nothing of the sink. */
function withAttempt(known: MemoryRow, attempt: AttemptRecord | undefined): MemoryRow {
  if (attempt === undefined || isSame(known.history.at(-1), attempt)) return known;
  const { status, error, response, outcome } = attempt;
  const last = outcome === "interrupted" ? {} : { lastStatus: status, lastError: error, lastResponse: response };
  const history = [...known.history, attempt];
  if (history.length > ATTEMPT_HISTORY_MAX) history.splice(1, 1);
  return { ...known, row: { ...known.row, ...last }, history };
}

function isSame(a: AttemptRecord | undefined, b: AttemptRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
