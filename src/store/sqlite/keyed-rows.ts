/**
 * Rows in the order of their key: which of them has a due time (see the port). A row holds its key while it is parked,
 * or dead and blocking.
 */
import type { Connection, Statement } from "../../sqlite/module.ts";

const HOLDING = "subscription = ? AND order_key = ? AND (state = 'parked' OR blocks = 1)";

export class KeyedRows {
  readonly #held: Statement<{ seq: number }>;
  readonly #active: Statement<{ seq: number }>;
  readonly #wake: Statement<{ seq: number }>;

  constructor(connection: Connection) {
    this.#held = connection.prepare(`SELECT seq FROM delivery WHERE ${HOLDING} AND seq <> ? LIMIT 1`);
    this.#active = connection.prepare(`
      SELECT seq FROM delivery WHERE ${HOLDING} AND seq <> ? AND (due_at IS NOT NULL OR blocks = 1) LIMIT 1`);
    this.#wake = connection.prepare(`
      UPDATE delivery SET due_at = ?
      WHERE seq = (SELECT min(seq) FROM delivery WHERE ${HOLDING}) AND state = 'parked' AND due_at IS NULL
      RETURNING seq`);
  }

  /** When a row may be due that is about to be parked: `wanted`, or never while another holds its key. */
  dueAt(
    row: { readonly subscription: string; readonly key: string | undefined; readonly seq?: number },
    wanted: number,
  ): number | undefined {
    if (row.key === undefined) return wanted;
    return this.#held.get(row.subscription, row.key, row.seq ?? -1) === undefined ? wanted : undefined;
  }

  /** The same for a dead letter that is parked again: it may be the one that all others of its key wait for. */
  redrivenDueAt(
    row: { readonly subscription: string; readonly key: string | null; readonly seq: number },
    wanted: number,
  ): number | undefined {
    if (row.key === null) return wanted;
    return this.#active.get(row.subscription, row.key, row.seq) === undefined ? wanted : undefined;
  }

  /** A row of this key holds it no more: the oldest of the others is due at `now`. Answers its `seq`. */
  wakeNext(
    { subscription, key }: { readonly subscription: string; readonly key: string | null },
    now: number,
  ): number | undefined {
    return key === null ? undefined : this.#wake.get(now, subscription, key)?.seq;
  }
}
