/** The history of a delivery: its newest attempt in its row, older ones apart, bounded. */
import { ATTEMPT_HISTORY_MAX } from "../../limits.ts";
import type { Connection, Statement } from "../../sqlite/module.ts";
import type { PackedAttempt } from "./messages.ts";

/** What a row says of its history. */
export interface AttemptColumns {
  /** Attempts ever appended: the `n` of the newest one. */
  readonly attemptCount: number;
  readonly lastN: number | null;
  readonly lastAttempt: string | null;
}

export const NO_ATTEMPTS: AttemptColumns = { attemptCount: 0, lastN: null, lastAttempt: null };

/** What an attempt makes of a history: the columns, and what goes to the older ones. */
interface Appended extends AttemptColumns {
  readonly older: { readonly n: number; readonly attempt: string } | undefined;
}

export class AttemptLog {
  readonly #select: Statement<{ n: number; attempt: string }>;
  readonly #insert: Statement<never>;
  readonly #trim: Statement<never>;
  readonly #delete: Statement<never>;

  constructor(connection: Connection) {
    this.#select = connection.prepare("SELECT attempt FROM older_attempt WHERE delivery = ? AND n = ?");
    this.#insert = connection.prepare("INSERT INTO older_attempt VALUES (?, ?, ?)");
    this.#trim = connection.prepare("DELETE FROM older_attempt WHERE delivery = ? AND n > 1 AND n <= ?");
    this.#delete = connection.prepare("DELETE FROM older_attempt WHERE delivery = ?");
  }

  /** The same attempt again, which a repeated call brings, changes nothing. */
  append(seq: number | undefined, now: AttemptColumns, attempt: PackedAttempt | undefined): Appended {
    if (attempt === undefined || attempt.json === this.#newest(seq, now)) return { ...now, older: undefined };
    const n = now.attemptCount + 1;
    if (attempt.interrupted) return { ...now, attemptCount: n, older: { n, attempt: attempt.json } };
    const { lastN, lastAttempt } = now;
    const older = lastN === null || lastAttempt === null ? undefined : { n: lastN, attempt: lastAttempt };
    return { attemptCount: n, lastN: n, lastAttempt: attempt.json, older };
  }

  /** Keeps the first attempt and the newest ones: a history that is full loses its second oldest. */
  keep(seq: number, { older, attemptCount }: Appended): void {
    if (older === undefined) return;
    this.#insert.run(seq, older.n, older.attempt);
    if (attemptCount > ATTEMPT_HISTORY_MAX) this.#trim.run(seq, attemptCount - ATTEMPT_HISTORY_MAX + 1);
  }

  delete(seq: number): void {
    this.#delete.run(seq);
  }

  #newest(seq: number | undefined, { attemptCount, lastN, lastAttempt }: AttemptColumns): string | null | undefined {
    if (seq === undefined || lastN === attemptCount) return lastAttempt;
    return this.#select.get(seq, attemptCount)?.attempt;
  }
}
