/** The read operations of the store. */
import { PAGE_ROWS_MAX } from "../../limits.ts";
import type { Connection, Operation, Statement } from "../../sqlite/module.ts";
import type { ResourceKind, ResourceRecord } from "../port.ts";
import type { CountsAnswer, DeadPayload, ListPayload } from "./messages.ts";
import { Histories, RowPage, type RowWithRecord, SELECT_ROWS } from "./row-page.ts";
import { conditionOf } from "./selection.ts";

export function prepareReads(connection: Connection): Record<string, Operation> {
  return {
    "store.resources": readResources(connection),
    "store.existing": readExisting(connection),
    "store.counts": readCounts(connection),
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
  const select = connection.prepare<CountsAnswer>(`
    SELECT
      (SELECT count(*) FROM delivery WHERE subscription = s.name AND state = 'parked') AS parked,
      (SELECT count(*) FROM delivery WHERE subscription = s.name AND state = 'dead') AS deadLetters,
      (SELECT min(due_at) FROM delivery WHERE subscription = s.name AND state = 'parked') AS retryDueAt,
      (SELECT min(due_at) FROM delivery WHERE subscription = s.name AND state = 'dead') AS forwardDueAt
    FROM (SELECT ? AS name) s`);
  return (subscription: string) => ({ result: select.get(subscription) });
}

function readList(connection: Connection): Operation {
  const prepared = new StatementCache<RowWithRecord>(connection);
  return ({ subscription, state, filter, before, limit }: ListPayload) => {
    const { sql, values } = conditionOf(filter);
    const select = prepared.get(
      `${SELECT_ROWS} WHERE d.subscription = ? AND d.state = ? AND d.seq < ?${sql} ORDER BY d.seq DESC`,
    );
    const page = new RowPage(limit);
    const more = page.fill(select.iterate(subscription, state, before, ...values));
    return moved(page.answer(more));
  };
}

function readOne(connection: Connection): Operation {
  const select = connection.prepare<RowWithRecord>(`${SELECT_ROWS} WHERE d.subscription = ? AND d.id = ?`);
  const histories = new Histories(connection);
  return ({ subscription, id }: { readonly subscription: string; readonly id: string }) => {
    const page = new RowPage(1);
    page.fill(select.iterate(subscription, id));
    return moved(histories.answer(page, false));
  };
}

function readTrace(connection: Connection): Operation {
  const select = connection.prepare<RowWithRecord>(
    `${SELECT_ROWS} WHERE d.event_id = ? AND d.event_source = ? ORDER BY d.seq DESC`,
  );
  const histories = new Histories(connection);
  return ({ source, id }: { readonly source: string; readonly id: string }) => {
    const page = new RowPage(PAGE_ROWS_MAX);
    const more = page.fill(select.iterate(id, source));
    return moved(histories.answer(page, more));
  };
}

function countDead(connection: Connection): Operation {
  const prepared = new StatementCache<{ count: number }>(connection);
  return ({ subscription, filter }: Pick<DeadPayload, "subscription" | "filter">) => {
    const { sql, values } = conditionOf(filter);
    const count = prepared.get(
      `SELECT count(*) AS count FROM delivery d WHERE d.subscription = ? AND d.state = 'dead'${sql}`,
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
      SELECT d.id FROM delivery d
      WHERE d.subscription = ? AND d.state = 'dead' AND d.died_at < ?${malformed ? "" : NOT_MALFORMED}${sql}
      ORDER BY d.seq LIMIT ?`);
    return { result: select.all(subscription, diedBefore, ...values, limit).map(({ id }) => id) };
  };
}

const NOT_MALFORMED = " AND d.event_id IS NOT NULL";

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
