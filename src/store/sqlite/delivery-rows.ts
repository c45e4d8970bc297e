/** The parts that write operations share: finding, inserting and deleting the rows of one delivery. */
import { ATTEMPT_HISTORY_MAX } from "../../limits.ts";
import type { Connection, Statement } from "../../sqlite/module.ts";
import type { AttemptRecord, DeliveryState } from "../port.ts";
import type { PackedEvent } from "./messages.ts";

export class DeliveryRows {
  readonly #find: Statement<{ seq: number; state: "parked" | "dead" }>;
  readonly #insert: Statement<never>;
  readonly #insertEvent: Statement<never>;
  readonly #deletes: readonly Statement<never>[];

  constructor(connection: Connection) {
    this.#find = connection.prepare("SELECT seq, state FROM delivery WHERE id = ?");
    this.#insert = connection.prepare(`
      INSERT INTO delivery (id, subscription, position, state, attempts, event_id, event_source, event_type)
      VALUES (?, ?, ?, 'parked', 0, ?, ?, ?)`);
    this.#insertEvent = connection.prepare("INSERT INTO delivery_event VALUES (?, ?)");
    this.#deletes = [
      connection.prepare("DELETE FROM attempt WHERE delivery = ?"),
      connection.prepare("DELETE FROM delivery_event WHERE delivery = ?"),
      connection.prepare("DELETE FROM delivery WHERE seq = ?"),
    ];
  }

  find(id: string): { readonly seq: number; readonly state: "parked" | "dead" } | undefined {
    return this.#find.get(id);
  }

  /** A row that says only whose delivery of which event it is; answers its `seq`. */
  insert({ id, subscription, position }: DeliveryState, event: PackedEvent, events: ArrayBuffer): number {
    const { identity } = event;
    const { lastInsertRowid } = this.#insert.run(
      id,
      subscription,
      position,
      identity?.id ?? null,
      identity?.source ?? null,
      identity?.type ?? null,
    );
    this.#insertEvent.run(lastInsertRowid, new Uint8Array(events, event.start, event.end - event.start));
    return Number(lastInsertRowid);
  }

  delete(seq: number): void {
    for (const statement of this.#deletes) statement.run(seq);
  }
}

/** Appends to histories. A history that is full loses its second oldest attempt; the first one stays. */
export class AttemptLog {
  readonly #newest: Statement<{ n: number; number: number; started_at: number }>;
  readonly #append: Statement<never>;
  readonly #trim: Statement<never>;

  constructor(connection: Connection) {
    this.#newest = connection.prepare(
      "SELECT n, number, started_at FROM attempt WHERE delivery = ? ORDER BY n DESC LIMIT 1",
    );
    this.#append = connection.prepare("INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#trim = connection.prepare("DELETE FROM attempt WHERE delivery = ? AND n > 1 AND n <= ?");
  }

  /** The same attempt again, which a repeated call brings, is in the history already. */
  append(seq: number, attempt: AttemptRecord | undefined): void {
    if (attempt === undefined) return;
    const { number, startedAt, durationMs, outcome, status, error, response } = attempt;
    const newest = this.#newest.get(seq);
    if (newest?.number === number && newest.started_at === startedAt) return;
    const n = (newest?.n ?? 0) + 1;
    this.#append.run(seq, n, number, startedAt, durationMs, outcome, status ?? null, error ?? null, response ?? null);
    if (n > ATTEMPT_HISTORY_MAX) this.#trim.run(seq, n - ATTEMPT_HISTORY_MAX + 1);
  }
}
