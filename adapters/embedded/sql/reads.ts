/** What the reader thread does: pages of the log, single events, one event's time, and the search for an identity. */
import { recordEnd, recordHasIdentity } from "../../../src/event/record.ts";
import type { Connection, Operation, OperationResult } from "../../../src/sqlite/module.ts";
import { locator, type StartNumber } from "./locate.ts";

export interface ReadPage {
  readonly topic: number;
  readonly from: number;
  /** The page ends before this. */
  readonly until: number;
  /** Bounds; one block is read in any case. */
  readonly maxEvents: number;
  readonly maxBytes: number;
}

export interface ReadEvents {
  readonly topic: number;
  /** Ascending. */
  readonly numbers: readonly number[];
}

export interface Locate {
  readonly topic: number;
  readonly start: StartNumber;
}

export interface Find {
  readonly topic: number;
  /** Only blocks that begin before this. */
  readonly before: number;
  readonly maxBytes: number;
  readonly source: string;
  readonly id: string;
}

export interface Found {
  /** Newest first, one event a block. */
  readonly page: LogPage;
  /** Where the next step goes on; undefined when the start of the log was reached. */
  readonly before: number | undefined;
  readonly scannedBytes: number;
}

/** Some of a block's events, or all of them. */
interface PageBlock {
  readonly first: number;
  readonly count: number;
  readonly storedAt: number;
  readonly bytes: number;
}

/** The bodies of its blocks back to back in one buffer, which moves between the threads without a copy. */
export interface LogPage {
  readonly blocks: readonly PageBlock[];
  readonly body: ArrayBuffer;
}

interface StoredBlock {
  readonly first: number;
  readonly count: number;
  readonly stored_at: number;
  readonly bytes: number;
  readonly body: Buffer;
}

const BLOCK = "first, count, stored_at, bytes, body";

export function logReads(connection: Connection): Readonly<Record<string, Operation>> {
  const startAt = connection.prepare<{ first: number }>(
    "SELECT first FROM embedded_blocks WHERE topic = ? AND first <= ? AND first + count > ? ORDER BY first DESC LIMIT 1",
  );
  const forward = connection.prepare<StoredBlock>(
    `SELECT ${BLOCK} FROM embedded_blocks WHERE topic = ? AND first >= ? AND first < ? ORDER BY first`,
  );
  const backward = connection.prepare<StoredBlock>(
    `SELECT ${BLOCK} FROM embedded_blocks WHERE topic = ? AND first < ? ORDER BY first DESC`,
  );
  const holding = connection.prepare<StoredBlock>(
    `SELECT ${BLOCK} FROM embedded_blocks WHERE topic = ? AND first <= ? ORDER BY first DESC LIMIT 1`,
  );
  const timeOf = connection.prepare<{ stored_at: number }>(
    `SELECT stored_at FROM embedded_blocks WHERE topic = ? AND first + count > ? AND first >=
       ifnull((SELECT max(first) FROM embedded_blocks WHERE topic = ? AND first <= ?), 0)
     ORDER BY first LIMIT 1`,
  );
  const locate = locator(connection);
  return {
    "embedded.page": ({ topic, from, until, maxEvents, maxBytes }: ReadPage) => {
      const start = startAt.get(topic, from, from)?.first ?? from;
      const page = new PageBuilder();
      for (const block of forward.iterate(topic, start, until)) {
        if (page.events > 0 && (page.events + block.count > maxEvents || page.bytes + block.bytes > maxBytes)) break;
        page.add(block.first, block.count, block.stored_at, block.body);
      }
      return page.result();
    },
    "embedded.events": ({ topic, numbers }: ReadEvents) => {
      const page = new PageBuilder();
      let block: StoredBlock | undefined;
      for (const number of numbers) {
        if (block === undefined || number >= block.first + block.count) block = holding.get(topic, number);
        if (block === undefined || number >= block.first + block.count) continue;
        page.add(number, 1, block.stored_at, recordOf(block, number));
      }
      return page.result();
    },
    "embedded.stored-at": ({ topic, number }: { topic: number; number: number }) => ({
      result: timeOf.get(topic, number, topic, number)?.stored_at,
    }),
    "embedded.locate": ({ topic, start }: Locate) => ({ result: locate(topic, start) }),
    "embedded.find": ({ topic, before, maxBytes, source, id }: Find) => {
      const page = new PageBuilder();
      let scannedBytes = 0;
      let next: number | undefined;
      for (const block of backward.iterate(topic, before)) {
        if (scannedBytes >= maxBytes) break;
        addMatches(page, block, source, id);
        scannedBytes += block.bytes;
        next = block.first;
      }
      const { page: found, transfer } = page.build();
      const isEnd = scannedBytes < maxBytes;
      return { result: { page: found, before: isEnd ? undefined : next, scannedBytes } satisfies Found, transfer };
    },
  };
}

function addMatches(page: PageBuilder, block: StoredBlock, source: string, id: string): void {
  const matches: { number: number; start: number; end: number }[] = [];
  let number = block.first;
  for (let start = 0; start < block.body.length; number += 1) {
    const end = recordEnd(block.body, start);
    if (recordHasIdentity(block.body, start, source, id)) matches.push({ number, start, end });
    start = end;
  }
  for (const match of matches.reverse()) {
    page.add(match.number, 1, block.stored_at, block.body.subarray(match.start, match.end));
  }
}

function recordOf({ first, body }: StoredBlock, number: number): Buffer {
  let start = 0;
  for (let skipped = first; skipped < number; skipped += 1) start = recordEnd(body, start);
  return body.subarray(start, recordEnd(body, start));
}

class PageBuilder {
  readonly #blocks: PageBlock[] = [];
  readonly #bodies: Buffer[] = [];
  events = 0;
  bytes = 0;

  add(first: number, count: number, storedAt: number, body: Buffer): void {
    this.#blocks.push({ first, count, storedAt, bytes: body.length });
    this.#bodies.push(body);
    this.events += count;
    this.bytes += body.length;
  }

  build(): { readonly page: LogPage; readonly transfer: readonly ArrayBuffer[] } {
    const body = new ArrayBuffer(this.bytes);
    const target = Buffer.from(body);
    let at = 0;
    for (const part of this.#bodies) at += part.copy(target, at);
    return { page: { blocks: this.#blocks, body }, transfer: [body] };
  }

  result(): OperationResult {
    const { page, transfer } = this.build();
    return { result: page, transfer };
  }
}
