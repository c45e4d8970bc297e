/** Rows as the port shows them, made from what the threads answer. */
import type { AttemptRecord, DeliveryRow, DeliveryRowWithHistory } from "../port.ts";
import { readEvent } from "./event-blob.ts";
import type { RowsAnswer, RowsWithHistoryAnswer, SelectedRow } from "./messages.ts";

export function rowsOf(answer: RowsAnswer): DeliveryRow[] {
  return answer.rows.map((row, index) => rowOf(row, recordOf(answer, index)));
}

export function rowsWithHistoryOf(answer: RowsWithHistoryAnswer): DeliveryRowWithHistory[] {
  return rowsOf(answer).map((row, index) => ({ ...row, history: (answer.histories[index] ?? []).map(attemptOf) }));
}

function recordOf({ events, ends }: RowsAnswer, index: number): Buffer {
  const start = ends[index - 1] ?? 0;
  return Buffer.from(events, start, (ends[index] ?? start) - start);
}

/** The event is decoded when it is first looked at: lists and leases often need less. */
function rowOf(row: SelectedRow, record: Buffer): DeliveryRow {
  let event: DeliveryRow["event"] | undefined;
  const last = row.lastAttempt === null ? undefined : attemptOf(row.lastAttempt);
  return {
    id: row.id,
    subscription: row.subscription,
    position: row.position,
    state: row.state,
    key: row.key ?? undefined,
    scheduled: row.scheduled === 1,
    uncleanStops: row.uncleanStops,
    attempts: row.attempts,
    firstAttemptAt: row.firstAttemptAt ?? undefined,
    lastAttemptAt: row.lastAttemptAt ?? undefined,
    dueAt: row.dueAt ?? undefined,
    reason: row.reason ?? undefined,
    detail: row.detail ?? undefined,
    diedAt: row.diedAt ?? undefined,
    forwardedAt: row.forwardedAt ?? undefined,
    lastStatus: last?.status,
    lastError: last?.error,
    lastResponse: last?.response,
    get event() {
      event ??= readEvent(record, row.malformed === 1);
      return event;
    },
  };
}

function attemptOf(json: string): AttemptRecord {
  const { number, startedAt, durationMs, outcome, status, error, response } = JSON.parse(json) as AttemptRecord;
  return { number, startedAt, durationMs, outcome, status, error, response };
}
