/** The read operations of the store. */
import { PAGE_ROWS_MAX } from "../../limits.ts";
import type { Connection, Operation, Statement } from "../../sqlite/module.ts";
import type { ResourceKind, ResourceRecord, RowCounts } from "../port.ts";
import type { DeadPayload, ListPayload } from "./messages.ts";
import { RowReader } from "./row-reader.ts";
import { conditionOf } from "./selection.ts";

export function prepareReads(connection: Connection): Record<string, Operation> {
  return {
    "store.resources": readResources(connection),
    "store.existing": readExisting(connection),
    "store.counts": readCounts(connection),
    "store.heldKeys": readHeldKeys(connection),
    "store.list": readList(connection),
    "store.get": readOne(connection),
    "store.trace": readTrace(connection),
    "store.countDead": countDead(connection),
    "store.selectDead": selectDead(connection),
  };
}

function readResources(connection: Connection): Operation {
  const select = connection.prepare<ResourceRecord>(
    "SELECT name, revision, json FROM resource WHERE kind = ? ORDER BY name",
  );
  return (kind: ResourceKind) => ({ result: select.all(kind) });
}

function readExisting(connection: Connection): Operation {
  const select = connection.prepare("SELECT 1 FROM delivery WHERE id = ?");
  return (ids: readonly string[]) => ({ result: ids.filter((id) => select.get(id) !== undefined) });
}

function readCounts(connection: Connection): Operation {
  const parked = connection.prepare<{ count: number; dueAt: number | null }>(`
    SELECT count(*) AS count, min(due_at) AS dueAt FROM delivery WHERE subscription = ? AND state = 'parked'`);
  const timed = connection.prepare<{ count: number }>(
    "SELECT count(*) AS count FROM delivery WHERE subscription = ? AND scheduled = 1",
  );
  const dead = connection.prepare<{ count: number }>(
    "SELECT count(*) AS count FROM delivery WHERE subscription = ? AND state = 'dead'",
  );
  const blocking = connection.prepare<{ count: number }>(
    "SELECT count(*) AS count FROM delivery WHERE subscription = ? AND blocks = 1",
  );
  const forwarding = connection.prepare<{ dueAt: number | null }>(
    "SELECT min(due_at) AS dueAt FROM delivery WHERE subscription = ? AND state = 'dead' AND due_at IS NOT NULL",
  );
  return (subscription: string) => {
    const retries = parked.get(subscription);
    const scheduled = timed.get(subscription)?.count ?? 0;
    const result: RowCounts = {
      parked: (retries?.count ?? 0) - scheduled,
      scheduled,
      deadLetters: dead.get(subscription)?.count ?? 0,
      blocking: blocking.get(subscription)?.count ?? 0,
      retryDueAt: retries?.dueAt ?? undefined,
      forwardDueAt: forwarding.get(subscription)?.dueAt ?? undefined,
    };
    return { result };
  };
}

function readHeldKeys(connection: Connection): Operation {
  const select = connection.prepare<{ key: string; count: number }>(`
    SELECT order_key AS key, count(*) AS count FROM delivery
    WHERE subscription = ? AND order_key IS NOT NULL AND (state = 'parked' OR blocks = 1) GROUP BY order_key`);
  return (subscription: string) => ({ result: select.all(subscription).map(({ key, count }) => [key, count]) });
}

/** Finds the rows first: sorting them with their events would hold all of these in memory. */
function readList(connection: Connection): Operation {
  const prepared = new StatementCache<{ seq: number }>(connection);
  const reader = new RowReader(connection);
  return ({ subscription, state, filter, before, limit }: ListPayload) => {
    const { sql, values } = conditionOf(filter);
    const select = prepared.get(`
      SELECT seq FROM delivery WHERE subscription = ? AND state = '${state}' AND seq < ?${sql}
      ORDER BY seq DESC LIMIT ?`);
    const seqs = select.all(subscription, before, ...values, limit + 1).map(({ seq }) => seq);
    return moved(reader.read(seqs, limit));
  };
}

function readOne(connection: Connection): Operation {
  const select = connection.prepare<{ seq: number }>("SELECT seq FROM delivery WHERE id = ? AND subscription = ?");
  const reader = new RowReader(connection);
  return ({ subscription, id }: { readonly subscription: string; readonly id: string }) => {
    const seqs = select.all(id, subscription).map(({ seq }) => seq);
    return moved(reader.readWithHistory(seqs, 1));
  };
}

/** Dead letters by an index; parked rows, which have none for this, subscription by subscription. */
const SELECT_BY_IDENTITY = `
  WITH RECURSIVE parking (subscription) AS (
    SELECT min(subscription) FROM delivery WHERE state = 'parked'
    UNION ALL
    SELECT (SELECT min(subscription) FROM delivery WHERE state = 'parked' AND subscription > parking.subscription)
    FROM parking WHERE subscription IS NOT NULL
  )
  SELECT d.seq FROM parking JOIN delivery d ON d.subscription = parking.subscription
  WHERE d.state = 'parked' AND d.event_id = ? AND d.event_source = ?
  UNION ALL
  SELECT seq FROM delivery WHERE state = 'dead' AND event_id = ? AND event_source = ?
  ORDER BY 1 DESC LIMIT ${PAGE_ROWS_MAX}`;

function readTrace(connection: Connection): Operation {
  const select = connection.prepare<{ seq: number }>(SELECT_BY_IDENTITY);
  const reader = new RowReader(connection);
  return ({ source, id }: { readonly source: string; readonly id: string }) => {
    const seqs = select.all(id, source, id, source).map(({ seq }) => seq);
    return moved(reader.readWithHistory(seqs, PAGE_ROWS_MAX));
  };
}

function countDead(connection: Connection): Operation {
  const prepared = new StatementCache<{ count: number }>(connection);
  return ({ subscription, filter }: Pick<DeadPayload, "subscription" | "filter">) => {
    const { sql, values } = conditionOf(filter);
    const count = prepared.get(
      `SELECT count(*) AS count FROM delivery WHERE subscription = ? AND state = 'dead'${sql}`,
    );
    return { result: count.get(subscription, ...values)?.count };
  };
}

/** Finds what a chunk of a redrive or discard is about, off the writer thread: a filter may have to look at every row. */
function selectDead(connection: Connection): Operation {
  const prepared = new StatementCache<{ id: string }>(connection);
  return ({ subscription, filter, diedBefore, malformed, limit }: DeadPayload) => {
    const { sql, values } = conditionOf(filter);
    const select = prepared.get(`
      SELECT id FROM delivery
      WHERE subscription = ? AND state = 'dead' AND died_at < ?${malformed ? "" : NOT_MALFORMED}${sql}
      ORDER BY seq LIMIT ?`);
    return { result: select.all(subscription, diedBefore, ...values, limit).map(({ id }) => id) };
  };
}

const NOT_MALFORMED = " AND event_id IS NOT NULL";

function moved<Answer extends { readonly events: ArrayBuffer }>(answer: Answer) {
  return { result: answer, transfer: [answer.events] };
}

/** Statements by their text. There are as many as sets of filter members. */
class StatementCache<Row> {
  readonly #connection: Connection;
  readonly #statements = new Map<string, Statement<Row>>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get(sql: string): Statement<Row> {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#connection.prepare<Row>(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
