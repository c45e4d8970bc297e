/**
 * Idempotent publish, in the transaction of the append: sifts what is published again from what is new, and remembers
 * the latter. What is stored decides; the indexes are built from it at first use and find in it.
 */

import { recordEnd } from "../../../src/event/record.ts";
import { DEDUPE_ROW_EVENTS_MAX } from "../../../src/limits.ts";
import type { Connection, Operation, Statement } from "../../../src/sqlite/module.ts";
import { IDENTITY_BYTES, writeIdentities } from "../identity.ts";
import { IdentityIndex } from "../identity-index.ts";

/** Records back to back. */
export interface Body {
  readonly bytes: Buffer;
  readonly count: number;
}

/** The event at `index` of an append is the one that has this number. */
export interface Duplicate {
  readonly index: number;
  readonly number: number;
}

export interface Sifted {
  /** What is new. */
  readonly bodies: readonly Body[];
  readonly duplicates: readonly Duplicate[];
  /** Of what is new, back to back. */
  readonly identities: Buffer;
}

export interface SiftOptions {
  readonly topic: number;
  /** The number of the first event that turns out to be new. */
  readonly next: number;
  /** Events stored until then are recognized no more. */
  readonly since: number;
}

export interface Forget {
  readonly topic: number;
  /** What was stored before this goes, and what has a number below that. */
  readonly storedBefore: number;
  readonly numberBelow: number;
  readonly maxRows: number;
}

/** The oldest event that is remembered. */
export interface Remembered {
  readonly first: number;
  readonly storedAt: number;
}

export interface Forgotten {
  readonly oldest: Remembered | undefined;
  /** Whether there may be more to forget: the bound on rows ended it. */
  readonly more: boolean;
}

interface IdentityRow {
  readonly first: number;
  readonly stored_at: number;
  readonly identities: Buffer;
}

type RowBounds = Pick<IdentityRow, "first" | "stored_at"> & { readonly bytes: number };

export class Identities {
  readonly #indexes = new Map<number, IdentityIndex>();
  readonly #insert: Statement<unknown>;
  readonly #holding: Statement<IdentityRow>;
  readonly #all: Statement<IdentityRow>;
  readonly #oldest: Statement<RowBounds>;
  readonly #remove: Statement<unknown>;

  constructor(connection: Connection) {
    this.#insert = connection.prepare("INSERT INTO embedded_identities VALUES (?, ?, ?, ?)");
    this.#holding = connection.prepare(
      `SELECT first, stored_at, identities FROM embedded_identities WHERE topic = ? AND first <= ?
       ORDER BY first DESC LIMIT 1`,
    );
    this.#all = connection.prepare(
      "SELECT first, stored_at, identities FROM embedded_identities WHERE topic = ? ORDER BY first",
    );
    this.#oldest = connection.prepare(
      `SELECT first, stored_at, length(identities) AS bytes FROM embedded_identities WHERE topic = ?
       ORDER BY first LIMIT ?`,
    );
    this.#remove = connection.prepare("DELETE FROM embedded_identities WHERE topic = ? AND first <= ?");
  }

  sift(bodies: readonly Body[], options: SiftOptions): Sifted {
    const sieve = new Sieve(this.#indexOf(options.topic), this.#holding, options, countOf(bodies));
    return { bodies: bodies.flatMap((body) => sieve.sift(body) ?? []), ...sieve.result };
  }

  remember(topic: number, first: number, storedAt: number, identities: Buffer): void {
    const rowBytes = DEDUPE_ROW_EVENTS_MAX * IDENTITY_BYTES;
    for (let at = 0; at < identities.length; at += rowBytes) {
      this.#insert.run(topic, first + at / IDENTITY_BYTES, storedAt, identities.subarray(at, at + rowBytes));
    }
  }

  /** When it is rolled back after all, the events are recognized no more, and their rows wait for the next time. */
  forget({ topic, storedBefore, numberBelow, maxRows }: Forget): Forgotten {
    const rows = this.#oldest.all(topic, maxRows);
    const kept = rows.findIndex(
      ({ first, stored_at, bytes }) => stored_at >= storedBefore && first + bytes / IDENTITY_BYTES > numberBelow,
    );
    const last = rows.at(kept === -1 ? -1 : kept - 1);
    if (kept !== 0 && last !== undefined) this.#remove.run(topic, last.first);
    const [oldest] = kept === -1 ? this.#oldest.all(topic, 1) : rows.slice(kept);
    const index = this.#indexes.get(topic);
    if (oldest === undefined) this.#indexes.delete(topic);
    else if (index !== undefined) index.floor = oldest.first;
    return {
      oldest: oldest && { first: oldest.first, storedAt: oldest.stored_at },
      more: kept === -1 && oldest !== undefined,
    };
  }

  #indexOf(topic: number): IdentityIndex {
    const known = this.#indexes.get(topic);
    if (known !== undefined) return known;
    const index = new IdentityIndex();
    for (const { first, identities } of this.#all.iterate(topic)) {
      for (let at = 0; at < identities.length; at += IDENTITY_BYTES) {
        index.add(identities, at, first + at / IDENTITY_BYTES);
      }
    }
    this.#indexes.set(topic, index);
    return index;
  }
}

export function identityWrites(identities: Identities): Readonly<Record<string, Operation>> {
  return { "embedded.forget": (payload: Forget) => ({ result: identities.forget(payload) }) };
}

/** Sifts one append: an event may also be a duplicate of one before it in the same append. */
class Sieve {
  readonly #index: IdentityIndex;
  readonly #holding: Statement<IdentityRow>;
  readonly #options: SiftOptions;
  /** Of the events that were new so far, and behind them those of the body that is being sifted. */
  readonly #identities: Buffer;
  readonly #duplicates: Duplicate[] = [];
  #seen = 0;
  #fresh = 0;
  /** The one that was looked at last: what was published together is published again together. */
  #row: IdentityRow | undefined;

  constructor(index: IdentityIndex, holding: Statement<IdentityRow>, options: SiftOptions, count: number) {
    this.#index = index;
    this.#holding = holding;
    this.#options = options;
    this.#identities = Buffer.allocUnsafe(count * IDENTITY_BYTES);
  }

  get result(): Pick<Sifted, "duplicates" | "identities"> {
    return {
      duplicates: this.#duplicates,
      identities: this.#identities.subarray(0, this.#fresh * IDENTITY_BYTES),
    };
  }

  /** What is new of a body; undefined when nothing is. */
  sift(body: Body): Body | undefined {
    let at = this.#fresh * IDENTITY_BYTES;
    writeIdentities(body.bytes, this.#identities, at);
    const kept: Buffer[] = [];
    let count = 0;
    let keptFrom = 0;
    for (let start = 0, end = 0; start < body.bytes.length; start = end, at += IDENTITY_BYTES) {
      end = recordEnd(body.bytes, start);
      if (this.#isNew(at)) count += 1;
      else {
        kept.push(body.bytes.subarray(keptFrom, start));
        keptFrom = end;
      }
    }
    if (count === body.count) return body;
    if (count === 0) return undefined;
    kept.push(body.bytes.subarray(keptFrom));
    return { bytes: Buffer.concat(kept), count };
  }

  #isNew(at: number): boolean {
    const number = this.#index.find(this.#identities, at, (candidate) => this.#isSame(at, candidate));
    if (number === undefined) this.#keep(at);
    else this.#duplicates.push({ index: this.#seen, number });
    this.#seen += 1;
    return number === undefined;
  }

  #keep(at: number): void {
    const target = this.#fresh * IDENTITY_BYTES;
    if (target !== at) this.#identities.copyWithin(target, at, at + IDENTITY_BYTES);
    this.#index.add(this.#identities, target, this.#options.next + this.#fresh);
    this.#fresh += 1;
  }

  #isSame(at: number, candidate: number): boolean {
    const { next, since } = this.#options;
    if (candidate >= next) {
      return candidate < next + this.#fresh && this.#isEqual(at, this.#identities, candidate - next);
    }
    const row = this.#rowOf(candidate);
    return row !== undefined && row.stored_at > since && this.#isEqual(at, row.identities, candidate - row.first);
  }

  #isEqual(at: number, identities: Buffer, index: number): boolean {
    const start = index * IDENTITY_BYTES;
    const end = start + IDENTITY_BYTES;
    return end <= identities.length && this.#identities.compare(identities, start, end, at, at + IDENTITY_BYTES) === 0;
  }

  #rowOf(number: number): IdentityRow | undefined {
    const row = this.#row;
    if (row !== undefined && number >= row.first && number < row.first + row.identities.length / IDENTITY_BYTES) {
      return row;
    }
    this.#row = this.#holding.get(this.#options.topic, number);
    return this.#row;
  }
}

function countOf(bodies: readonly Body[]): number {
  let count = 0;
  for (const body of bodies) count += body.count;
  return count;
}
