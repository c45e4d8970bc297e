/** Stored events on the main thread: what an entry is, and how the pages of the reader thread become entries. */
import type { Event } from "../../src/event/event.ts";
import { readRecord, recordEnd } from "../../src/event/record.ts";
import { DECODED_EVENT_BYTES } from "../../src/limits.ts";
import type { Malformed } from "../../src/transport/port.ts";
import type { LogPage } from "./sql/reads.ts";

/** One stored event, shared by all groups that are handed it. */
export interface LogEntry {
  readonly number: number;
  readonly event: Event | Malformed;
  readonly storedAt: number;
  /** What it is charged with where memory is bounded: a small event takes far more heap than its record. */
  readonly bytes: number;
}

/** Decodes a page entry by entry, as they are asked for. */
export class PageReader {
  readonly #page: LogPage;
  readonly #body: Buffer;
  #block = 0;
  /** Index of the next event within the block. */
  #index = 0;
  #offset = 0;

  constructor(page: LogPage) {
    this.#page = page;
    this.#body = Buffer.from(page.body);
  }

  /** The next entry whose number is `from` or higher; what is before it is passed without decoding. */
  next(from = 0): LogEntry | undefined {
    for (;;) {
      const block = this.#page.blocks[this.#block];
      if (block === undefined) return undefined;
      const number = block.first + this.#index;
      const start = this.#offset;
      this.#offset = recordEnd(this.#body, start);
      this.#index += 1;
      if (this.#index === block.count) {
        this.#block += 1;
        this.#index = 0;
      }
      if (number >= from) return { number, ...this.#decode(start), storedAt: block.storedAt };
    }
  }

  #decode(start: number): Pick<LogEntry, "event" | "bytes"> {
    const bytes = this.#offset - start + DECODED_EVENT_BYTES;
    try {
      return { event: readRecord(this.#body, start).event, bytes };
    } catch (error) {
      // One record that can't be read must not stop a subscription for good: it goes on as malformed.
      const reason = error instanceof Error ? error.message : String(error);
      const event = { malformed: reason, headers: [], bytes: this.#body.subarray(start, this.#offset) };
      return { event, bytes };
    }
  }
}
