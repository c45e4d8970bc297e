/** Selecting delivery rows in the threads: the columns of a row, and the page that an answer carries. */
import { STORE_PAGE_BYTES_MAX } from "../../limits.ts";
import type { Connection, Statement } from "../../sqlite/module.ts";
import type { RowsAnswer, RowsWithHistoryAnswer, SelectedAttempt, SelectedRow } from "./messages.ts";

/** Select list and joins; a WHERE clause on `d` follows. What happened last is what the newest finished attempt says. */
export const SELECT_ROWS = `
  SELECT d.seq, d.id, d.subscription, d.position, d.state, d.attempts,
    d.first_attempt_at AS firstAttemptAt, d.last_attempt_at AS lastAttemptAt, d.due_at AS dueAt,
    d.reason, d.detail, d.died_at AS diedAt, d.forwarded_at AS forwardedAt, d.event_id IS NULL AS malformed,
    a.status AS lastStatus, a.error AS lastError, a.response AS lastResponse, e.record
  FROM delivery d
  JOIN delivery_event e ON e.delivery = d.seq
  LEFT JOIN attempt a ON a.delivery = d.seq
    AND a.n = (SELECT max(n) FROM attempt WHERE delivery = d.seq AND outcome <> 'interrupted')`;

export type RowWithRecord = SelectedRow & { readonly record: Buffer };

/** Rows up to a bound of bytes, so that a page of large events stays small in memory. Takes at least one. */
export class RowPage {
  readonly #rows: SelectedRow[] = [];
  readonly #records: Buffer[] = [];
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#rows.length >= this.#limit || this.#bytes >= STORE_PAGE_BYTES_MAX;
  }

  add({ record, ...row }: RowWithRecord): void {
    this.#rows.push(row);
    this.#records.push(record);
    this.#bytes += record.length;
  }

  /** Adds rows until the page is full; answers whether some are left. */
  fill(rows: Iterable<RowWithRecord>): boolean {
    for (const row of rows) {
      if (this.isFull) return true;
      this.add(row);
    }
    return false;
  }

  get rows(): readonly SelectedRow[] {
    return this.#rows;
  }

  answer(more: boolean): RowsAnswer {
    const events = new Uint8Array(this.#bytes);
    let end = 0;
    const ends = this.#records.map((record) => {
      events.set(record, end);
      end += record.length;
      return end;
    });
    return { rows: this.#rows, events: events.buffer, ends, more };
  }
}

/** Selects the histories of the rows of a page. */
export class Histories {
  readonly #select: Statement<SelectedAttempt>;

  constructor(connection: Connection) {
    this.#select = connection.prepare<SelectedAttempt>(`
      SELECT number, started_at AS startedAt, duration_ms AS durationMs, outcome, status, error, response
      FROM attempt WHERE delivery = ? ORDER BY n`);
  }

  answer(page: RowPage, more: boolean): RowsWithHistoryAnswer {
    return { ...page.answer(more), histories: page.rows.map(({ seq }) => this.#select.all(seq)) };
  }
}
