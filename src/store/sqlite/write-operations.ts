/** The write operations of the store. Rows that are gone are passed over: their subscription or dead letter was deleted. */
import { STORE_DELETE_CHUNK } from "../../limits.ts";
import type { Connection, Operation } from "../../sqlite/module.ts";
import type { ResourceKind, ResourceRecord } from "../port.ts";
import { AttemptLog } from "./attempt-log.ts";
import { DeliveryRows, type KnownRow } from "./delivery-rows.ts";
import { leaseDue } from "./lease-operation.ts";
import type { DeadIdsPayload, DeadRow, ForwardedPayload, ParkedRow, RescheduledRow, RowsPayload } from "./messages.ts";

const DONE = { result: undefined };

export function prepareWrites(connection: Connection): Record<string, Operation> {
  const log = new AttemptLog(connection);
  const rows = new DeliveryRows(connection, log);
  return {
    "store.putResource": putResource(connection),
    "store.deleteResource": deleteResource(connection),
    "store.park": park(connection, rows, log),
    "store.reschedule": reschedule(connection, rows, log),
    "store.complete": complete(rows),
    "store.deadLetter": deadLetter(connection, rows, log),
    "store.forwarded": forwarded(connection),
    "store.leaseDue": leaseDue(connection),
    "store.redrive": redrive(connection),
    "store.discard": discard(connection, rows),
    "store.deleteDeliveries": deleteDeliveries(connection, rows),
  };
}

function putResource(connection: Connection): Operation {
  const put = connection.prepare(`
    INSERT INTO resource VALUES (?, ?, ?, ?)
    ON CONFLICT (kind, name) DO UPDATE SET revision = excluded.revision, json = excluded.json`);
  return ({ kind, record }: { readonly kind: ResourceKind; readonly record: ResourceRecord }) => {
    put.run(kind, record.name, record.revision, record.json);
    return DONE;
  };
}

function deleteResource(connection: Connection): Operation {
  const remove = connection.prepare("DELETE FROM resource WHERE kind = ? AND name = ?");
  return ({ kind, name }: { readonly kind: ResourceKind; readonly name: string }) => {
    remove.run(kind, name);
    return DONE;
  };
}

/** What gave up stays given up: a late repetition of `park` does not bring it back. */
function park(connection: Connection, rows: DeliveryRows, log: AttemptLog): Operation {
  const update = scheduling(connection, log);
  return ({ rows: parked, events }: RowsPayload<ParkedRow>) => {
    for (const row of parked) {
      const known = rows.find(row.id);
      if (known === undefined) rows.insert(row, { state: "parked", dueAt: row.dueAt }, events);
      else if (known.state === "parked") update(known, row);
    }
    return DONE;
  };
}

function reschedule(connection: Connection, rows: DeliveryRows, log: AttemptLog): Operation {
  const update = scheduling(connection, log);
  return (rescheduled: readonly RescheduledRow[]) => {
    for (const row of rescheduled) {
      const known = rows.find(row.id);
      if (known?.state === "parked") update(known, row);
    }
    return DONE;
  };
}

function scheduling(connection: Connection, log: AttemptLog) {
  const update = connection.prepare(`
    UPDATE delivery SET attempts = ?, first_attempt_at = ?, last_attempt_at = ?, due_at = ?,
      attempt_count = ?, last_n = ?, last_attempt = ?
    WHERE seq = ?`);
  return (known: KnownRow, row: RescheduledRow | ParkedRow): void => {
    const appended = log.append(known.seq, known, row.attempt);
    update.run(
      row.attempts,
      row.firstAttemptAt ?? null,
      row.lastAttemptAt ?? null,
      row.dueAt,
      appended.attemptCount,
      appended.lastN,
      appended.lastAttempt,
      known.seq,
    );
    log.keep(known.seq, appended);
  };
}

function complete(rows: DeliveryRows): Operation {
  return (ids: readonly string[]) => {
    for (const id of ids) {
      const known = rows.find(id);
      if (known !== undefined) rows.delete(known.seq);
    }
    return DONE;
  };
}

function deadLetter(connection: Connection, rows: DeliveryRows, log: AttemptLog): Operation {
  const update = dying(connection, log);
  return ({ rows: dead, events }: RowsPayload<DeadRow>) => {
    for (const row of dead) {
      const { event, reason, detail, diedAt, forwardDueAt: dueAt } = row;
      const known = rows.find(row.id);
      if (known !== undefined) update(known, row);
      else if (event !== undefined)
        rows.insert({ ...row, event }, { state: "dead", dueAt, reason, detail, diedAt }, events);
    }
    return DONE;
  };
}

function dying(connection: Connection, log: AttemptLog) {
  const update = connection.prepare(`
    UPDATE delivery SET state = 'dead', attempts = ?, first_attempt_at = ?, last_attempt_at = ?, due_at = ?,
      reason = ?, detail = ?, died_at = ?, forwarded_at = NULL, attempt_count = ?, last_n = ?, last_attempt = ?
    WHERE seq = ?`);
  return (known: KnownRow, row: DeadRow): void => {
    const appended = log.append(known.seq, known, row.attempt);
    update.run(
      row.attempts,
      row.firstAttemptAt ?? null,
      row.lastAttemptAt ?? null,
      row.forwardDueAt ?? null,
      row.reason,
      row.detail,
      row.diedAt,
      appended.attemptCount,
      appended.lastN,
      appended.lastAttempt,
      known.seq,
    );
    log.keep(known.seq, appended);
  };
}

function forwarded(connection: Connection): Operation {
  const update = connection.prepare("UPDATE delivery SET forwarded_at = ?, due_at = ? WHERE id = ? AND state = 'dead'");
  return ({ id, forwardedAt, dueAt }: ForwardedPayload) => {
    update.run(forwardedAt ?? null, dueAt ?? null, id);
    return DONE;
  };
}

function redrive(connection: Connection): Operation {
  const update = connection.prepare(`
    UPDATE delivery SET state = 'parked', attempts = 0, first_attempt_at = NULL, due_at = ?,
      reason = NULL, detail = NULL, died_at = NULL, forwarded_at = NULL
    WHERE id = ? AND subscription = ? AND state = 'dead' AND died_at < ? AND event_id IS NOT NULL`);
  return ({ subscription, ids, diedBefore, now }: DeadIdsPayload & { readonly now: number }) => ({
    result: ids.filter((id) => update.run(now, id, subscription, diedBefore).changes > 0),
  });
}

function discard(connection: Connection, rows: DeliveryRows): Operation {
  const find = connection.prepare<{ seq: number }>(
    "SELECT seq FROM delivery WHERE id = ? AND subscription = ? AND state = 'dead' AND died_at < ?",
  );
  return ({ subscription, ids, diedBefore }: DeadIdsPayload) => {
    const result = ids.filter((id) => {
      const row = find.get(id, subscription, diedBefore);
      if (row !== undefined) rows.delete(row.seq);
      return row !== undefined;
    });
    return { result };
  };
}

/** Deletes one chunk; answers whether more may be left. */
function deleteDeliveries(connection: Connection, rows: DeliveryRows): Operation {
  const selects = ["parked", "dead"].map((state) =>
    connection.prepare<{ seq: number }>(
      `SELECT seq FROM delivery WHERE subscription = ? AND state = '${state}' LIMIT ${STORE_DELETE_CHUNK}`,
    ),
  );
  return (subscription: string) => {
    const chunk = selects.flatMap((select) => select.all(subscription));
    for (const { seq } of chunk) rows.delete(seq);
    return { result: chunk.length >= STORE_DELETE_CHUNK };
  };
}
