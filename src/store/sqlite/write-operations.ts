/** The write operations of the store. Rows that are gone are passed over: their subscription or dead letter was deleted. */
import { STORE_DELETE_CHUNK } from "../../limits.ts";
import type { Connection, Operation } from "../../sqlite/module.ts";
import type { MovedDeadLetter, ResourceKind, ResourceRecord } from "../port.ts";
import { AttemptLog } from "./attempt-log.ts";
import { DeliveryRows, type KnownRow } from "./delivery-rows.ts";
import { KeyedRows } from "./keyed-rows.ts";
import { leaseDue } from "./lease-operation.ts";
import type {
  CompletePayload,
  DeadIdsPayload,
  DeadRow,
  ForwardedPayload,
  ParkedRow,
  RescheduledRow,
  RowsPayload,
  UnblockPayload,
} from "./messages.ts";
import { RowReader } from "./row-reader.ts";

const DONE = { result: undefined };

export function prepareWrites(connection: Connection): Record<string, Operation> {
  const log = new AttemptLog(connection);
  const rows = new DeliveryRows(connection, log);
  const keyed = new KeyedRows(connection);
  return {
    "store.putResource": putResource(connection),
    "store.deleteResource": deleteResource(connection),
    "store.park": park(connection, rows, log, keyed),
    "store.reschedule": reschedule(connection, rows, log, keyed),
    "store.complete": complete(connection, rows, keyed),
    "store.deadLetter": deadLetter(connection, rows, log, keyed),
    "store.forwarded": forwarded(connection),
    "store.leaseDue": leaseDue(connection),
    "store.redrive": redrive(connection, keyed),
    "store.discard": discard(rows, connection, keyed),
    "store.unblock": unblock(connection, keyed),
    "store.attempting": attempting(connection),
    "store.countUncleanStop": countUncleanStop(connection),
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
function park(connection: Connection, rows: DeliveryRows, log: AttemptLog, keyed: KeyedRows): Operation {
  const update = scheduling(connection, log, keyed);
  return ({ rows: parked, events }: RowsPayload<ParkedRow>) => {
    for (const row of parked) {
      const known = rows.find(row.id);
      if (known === undefined)
        rows.insert(row, { ...row, state: "parked", dueAt: keyed.dueAt(row, row.dueAt) }, events);
      else if (known.state === "parked") update(known, row);
    }
    return DONE;
  };
}

function reschedule(connection: Connection, rows: DeliveryRows, log: AttemptLog, keyed: KeyedRows): Operation {
  const update = scheduling(connection, log, keyed);
  return (rescheduled: readonly RescheduledRow[]) => {
    for (const row of rescheduled) {
      const known = rows.find(row.id);
      if (known?.state === "parked") update(known, row);
    }
    return DONE;
  };
}

function scheduling(connection: Connection, log: AttemptLog, keyed: KeyedRows) {
  const update = connection.prepare(`
    UPDATE delivery SET attempts = ?, first_attempt_at = ?, last_attempt_at = ?, due_at = ?, order_key = ?,
      scheduled = 0, attempting = 0, unclean_stops = iif(?, 0, unclean_stops),
      attempt_count = ?, last_n = ?, last_attempt = ?
    WHERE seq = ?`);
  return (known: KnownRow, row: RescheduledRow | ParkedRow): void => {
    const appended = log.append(known.seq, known, row.attempt);
    const hadKey = (known.key ?? undefined) === row.key;
    update.run(
      row.attempts,
      row.firstAttemptAt ?? null,
      row.lastAttemptAt ?? null,
      (hadKey ? row.dueAt : keyed.dueAt({ ...row, seq: known.seq }, row.dueAt)) ?? null,
      row.key ?? null,
      row.attempt === undefined ? 0 : 1,
      appended.attemptCount,
      appended.lastN,
      appended.lastAttempt,
      known.seq,
    );
    log.keep(known.seq, appended);
  };
}

/** Answers the rows that are due by it, or nothing. */
function complete(connection: Connection, rows: DeliveryRows, keyed: KeyedRows): Operation {
  const reader = new RowReader(connection);
  return ({ ids, now }: CompletePayload) => {
    const woken: number[] = [];
    for (const id of ids) {
      const known = rows.find(id);
      if (known === undefined) continue;
      rows.delete(known.seq);
      const next = keyed.wakeNext(known, now);
      if (next !== undefined) woken.push(next);
    }
    if (woken.length === 0) return DONE;
    const result = reader.read(woken, woken.length);
    return { result, transfer: [result.events] };
  };
}

function deadLetter(connection: Connection, rows: DeliveryRows, log: AttemptLog, keyed: KeyedRows): Operation {
  const update = dying(connection, log);
  return ({ rows: dead, events }: RowsPayload<DeadRow>) => {
    for (const row of dead) {
      const { event, forwardDueAt: dueAt } = row;
      const known = rows.find(row.id);
      if (known === undefined) {
        if (event !== undefined) rows.insert({ ...row, event }, { ...row, state: "dead", dueAt }, events);
      } else {
        update(known, row);
        keyed.wakeNext(known, row.diedAt);
      }
    }
    return DONE;
  };
}

function dying(connection: Connection, log: AttemptLog) {
  const update = connection.prepare(`
    UPDATE delivery SET state = 'dead', attempts = ?, first_attempt_at = ?, last_attempt_at = ?, due_at = ?,
      reason = ?, detail = ?, died_at = ?, blocks = ?, scheduled = 0, attempting = 0, forwarded_at = NULL,
      attempt_count = ?, last_n = ?, last_attempt = ?
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
      row.blocks ? 1 : 0,
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

interface DeadMatch {
  readonly seq: number;
  readonly key: string | null;
  readonly blocks: 0 | 1;
}

const SELECT_DEAD = `
  SELECT seq, order_key AS key, blocks FROM delivery
  WHERE id = ? AND subscription = ? AND state = 'dead' AND died_at < ?`;

function redrive(connection: Connection, keyed: KeyedRows): Operation {
  const find = connection.prepare<DeadMatch>(`${SELECT_DEAD} AND event_id IS NOT NULL`);
  const update = connection.prepare(`
    UPDATE delivery SET state = 'parked', attempts = 0, unclean_stops = 0, first_attempt_at = NULL, due_at = ?,
      reason = NULL, detail = NULL, died_at = NULL, forwarded_at = NULL, blocks = 0
    WHERE seq = ?`);
  return ({ subscription, ids, diedBefore, now }: DeadIdsPayload) => {
    const result = movedBy(ids, (id) => {
      const dead = find.get(id, subscription, diedBefore);
      if (dead === undefined) return undefined;
      update.run(keyed.redrivenDueAt({ subscription, ...dead }, now) ?? null, dead.seq);
      return dead;
    });
    return { result };
  };
}

function discard(rows: DeliveryRows, connection: Connection, keyed: KeyedRows): Operation {
  const find = connection.prepare<DeadMatch>(SELECT_DEAD);
  return ({ subscription, ids, diedBefore, now }: DeadIdsPayload) => {
    const result = movedBy(ids, (id) => {
      const dead = find.get(id, subscription, diedBefore);
      if (dead === undefined) return undefined;
      rows.delete(dead.seq);
      keyed.wakeNext({ subscription, key: dead.key }, now);
      return dead;
    });
    return { result };
  };
}

function unblock(connection: Connection, keyed: KeyedRows): Operation {
  const blocked = connection.prepare<{ key: string }>(
    "SELECT DISTINCT order_key AS key FROM delivery WHERE subscription = ? AND blocks = 1",
  );
  const update = connection.prepare("UPDATE delivery SET blocks = 0 WHERE subscription = ? AND blocks = 1");
  return ({ subscription, now }: UnblockPayload) => {
    const keys = blocked.all(subscription);
    update.run(subscription);
    for (const { key } of keys) keyed.wakeNext({ subscription, key }, now);
    return DONE;
  };
}

function movedBy(ids: readonly string[], move: (id: string) => DeadMatch | undefined): MovedDeadLetter[] {
  const moved: MovedDeadLetter[] = [];
  for (const id of ids) {
    const dead = move(id);
    if (dead !== undefined) moved.push({ id, key: dead.key ?? undefined, blocked: dead.blocks === 1 });
  }
  return moved;
}

function attempting(connection: Connection): Operation {
  const update = connection.prepare("UPDATE delivery SET attempting = 1 WHERE id = ? AND state = 'parked'");
  return (ids: readonly string[]) => {
    for (const id of ids) update.run(id);
    return DONE;
  };
}

function countUncleanStop(connection: Connection): Operation {
  const update = connection.prepare(`
    UPDATE delivery SET unclean_stops = unclean_stops + 1, attempting = 0 WHERE subscription = ? AND attempting = 1`);
  return (subscription: string) => {
    update.run(subscription);
    return DONE;
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
