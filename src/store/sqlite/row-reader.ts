/** Reading delivery rows in the threads: by `seq`, into a page that is bounded by rows and bytes. */
import { STORE_PAGE_BYTES_MAX } from "../../limits.ts";
import type { Connection, Statement } from "../../sqlite/module.ts";
import type { RowsAnswer, RowsWithHistoryAnswer, SelectedRow } from "./messages.ts";

type RowWithRecord = SelectedRow & { readonly record: Buffer };

const SELECT_ROW = `
  SELECT seq, id, subscription, position, state, order_key AS key, scheduled, unclean_stops AS uncleanStops, attempts,
    first_attempt_at AS firstAttemptAt, last_attempt_at AS lastAttemptAt, due_at AS dueAt,
    reason, detail, died_at AS diedAt, forwarded_at AS forwardedAt, event_id IS NULL AS malformed,
    last_n AS lastN, last_attempt AS lastAttempt,
    coalesce(record, (SELECT record FROM large_event WHERE delivery = delivery.seq)) AS record
  FROM delivery WHERE seq = ?`;

export class RowReader {
  readonly #row: Statement<RowWithRecord>;
  readonly #older: Statement<{ n: number; attempt: string }>;

  constructor(connection: Connection) {
    this.#row = connection.prepare(SELECT_ROW);
    this.#older = connection.prepare("SELECT n, attempt FROM older_attempt WHERE delivery = ? ORDER BY n");
  }

  /** As many of the rows as one page may have, at least one of them. */
  read(seqs: readonly number[], limit: number): RowsAnswer {
    const rows: SelectedRow[] = [];
    const records: Buffer[] = [];
    let bytes = 0;
    for (const seq of seqs) {
      if (rows.length >= limit || bytes >= STORE_PAGE_BYTES_MAX) break;
      const found = this.#row.get(seq);
      if (found === undefined) continue;
      const { record, ...row } = found;
      rows.push(row);
      records.push(record);
      bytes += record.length;
    }
    return { rows, ...packed(records, bytes), more: rows.length < seqs.length };
  }

  readWithHistory(seqs: readonly number[], limit: number): RowsWithHistoryAnswer {
    const answer = this.read(seqs, limit);
    return { ...answer, histories: answer.rows.map((row) => this.#historyOf(row)) };
  }

  #historyOf({ seq, lastN, lastAttempt }: SelectedRow): string[] {
    const attempts = this.#older.all(seq);
    if (lastN !== null && lastAttempt !== null) attempts.push({ n: lastN, attempt: lastAttempt });
    return attempts.sort((a, b) => a.n - b.n).map(({ attempt }) => attempt);
  }
}

function packed(records: readonly Buffer[], bytes: number): Pick<RowsAnswer, "events" | "ends"> {
  const events = new Uint8Array(bytes);
  let end = 0;
  const ends = records.map((record) => {
    events.set(record, end);
    end += record.length;
    return end;
  });
  return { events: events.buffer, ends };
}
