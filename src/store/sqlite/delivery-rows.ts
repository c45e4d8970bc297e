/** Finding, inserting and deleting whole deliveries. */
import { STORE_INLINE_EVENT_BYTES } from "../../limits.ts";
import type { Connection, Statement } from "../../sqlite/module.ts";
import type { DeliveryState } from "../port.ts";
import { type AttemptColumns, type AttemptLog, NO_ATTEMPTS } from "./attempt-log.ts";
import type { PackedAttempt, PackedEvent } from "./messages.ts";

export interface KnownRow extends AttemptColumns {
  readonly seq: number;
  readonly subscription: string;
  readonly state: "parked" | "dead";
  readonly key: string | null;
  readonly blocks: 0 | 1;
}

/** What a row is inserted with, besides what makes it parked or dead. */
export interface NewRow extends DeliveryState {
  readonly event: PackedEvent;
  readonly attempt: PackedAttempt | undefined;
}

/** What makes it so: the columns that differ by state. */
export interface Fate {
  readonly state: "parked" | "dead";
  readonly dueAt: number | undefined;
  readonly reason?: string;
  readonly detail?: string;
  readonly diedAt?: number;
  readonly blocks?: boolean;
  readonly scheduled?: boolean;
  readonly uncleanStops?: number;
}

export class DeliveryRows {
  readonly #log: AttemptLog;
  readonly #find: Statement<KnownRow>;
  readonly #insert: Statement<never>;
  readonly #insertLarge: Statement<never>;
  readonly #deleteLarge: Statement<never>;
  readonly #delete: Statement<never>;

  constructor(connection: Connection, log: AttemptLog) {
    this.#log = log;
    this.#find = connection.prepare(`
      SELECT seq, subscription, state, order_key AS key, blocks, attempt_count AS attemptCount, last_n AS lastN, last_attempt AS lastAttempt
      FROM delivery WHERE id = ?`);
    this.#insert = connection.prepare(`
      INSERT INTO delivery (id, subscription, position, state, attempts, first_attempt_at, last_attempt_at, due_at,
        reason, detail, died_at, event_id, event_source, event_type, attempt_count, last_n, last_attempt, record,
        order_key, blocks, scheduled, unclean_stops)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#insertLarge = connection.prepare("INSERT INTO large_event VALUES (?, ?)");
    this.#deleteLarge = connection.prepare("DELETE FROM large_event WHERE delivery = ?");
    this.#delete = connection.prepare("DELETE FROM delivery WHERE seq = ?");
  }

  find(id: string): KnownRow | undefined {
    return this.#find.get(id);
  }

  insert(row: NewRow, fate: Fate, events: ArrayBuffer): void {
    const { start, end, identity } = row.event;
    const record = new Uint8Array(events, start, end - start);
    const isLarge = record.length > STORE_INLINE_EVENT_BYTES;
    const appended = this.#log.append(undefined, NO_ATTEMPTS, row.attempt);
    const { lastInsertRowid } = this.#insert.run(
      row.id,
      row.subscription,
      row.position,
      fate.state,
      row.attempts,
      row.firstAttemptAt ?? null,
      row.lastAttemptAt ?? null,
      fate.dueAt ?? null,
      fate.reason ?? null,
      fate.detail ?? null,
      fate.diedAt ?? null,
      identity?.id ?? null,
      identity?.source ?? null,
      identity?.type ?? null,
      appended.attemptCount,
      appended.lastN,
      appended.lastAttempt,
      isLarge ? null : record,
      row.key ?? null,
      fate.blocks ? 1 : 0,
      fate.scheduled ? 1 : 0,
      fate.uncleanStops ?? 0,
    );
    const seq = Number(lastInsertRowid);
    if (isLarge) this.#insertLarge.run(seq, record);
    this.#log.keep(seq, appended);
  }

  delete(seq: number): void {
    this.#log.delete(seq);
    this.#deleteLarge.run(seq);
    this.#delete.run(seq);
  }
}
