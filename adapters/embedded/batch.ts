/** What one topic stores in one commit: collected until its group is sent, answered after the commit. */
import type { Event } from "../../src/event/event.ts";
import type { PublishResult } from "../../src/transport/port.ts";
import { Block, type BufferPool } from "./block.ts";
import { allStored, type Call, someStored } from "./call.ts";
import type { Append, Appended } from "./sql/append.ts";

export class Batch {
  #events: Event[] = [];
  #sizes: number[] = [];
  readonly #blocks: Block[] = [];
  readonly #calls: Call[] = [];
  readonly #buffers: BufferPool;
  bytes = 0;
  storedAt = 0;
  /** What was stored until then is recognized no more; undefined: nothing is. */
  dedupeSince: number | undefined;
  /** The earliest of its calls' deadlines. */
  deadline = Number.POSITIVE_INFINITY;

  constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  /** After the commit: those that were stored. */
  get events(): readonly Event[] {
    return this.#events;
  }

  /** Of each event's record. */
  get sizes(): readonly number[] {
    return this.#sizes;
  }

  add(event: Event, bytes: number): void {
    let block = this.#blocks.at(-1);
    if (block === undefined || !block.hasRoom(bytes)) {
      block = new Block(this.#buffers.take(bytes));
      this.#blocks.push(block);
    }
    block.add(event, bytes);
    this.#events.push(event);
    this.#sizes.push(bytes);
    this.bytes += bytes;
  }

  addCall(call: Call): void {
    this.#calls.push(call);
    if (call.deadline < this.deadline) this.deadline = call.deadline;
  }

  seal(
    topic: number,
    storedAt: number,
    dedupeWindowMs: number | undefined,
  ): { payload: Append; transfer: ArrayBuffer[] } {
    this.storedAt = storedAt;
    if (dedupeWindowMs !== undefined) this.dedupeSince = storedAt - dedupeWindowMs;
    const blocks = this.#blocks.map((block) => block.seal());
    const { bytes, dedupeSince } = this;
    const payload = { topic, storedAt, events: this.#events.length, bytes, blocks, dedupeSince };
    return { payload, transfer: blocks.map(({ buffer }) => buffer) };
  }

  stored(generation: number, { first, duplicates }: Appended): void {
    const count = this.#events.length;
    const outcomes =
      duplicates === undefined ? allStored(generation, first) : someStored({ generation, first, count }, duplicates);
    let start = 0;
    for (const call of this.#calls) {
      call.stored(outcomes, start);
      start += call.accepted;
    }
    if (duplicates !== undefined) this.#drop(new Set(duplicates.map(({ index }) => index)));
  }

  failed(result: PublishResult): void {
    for (const call of this.#calls) call.failed(result);
  }

  /** Answers the calls whose deadline has passed; whether their events are stored is not known yet. */
  expire(now: number, result: PublishResult): void {
    let next = Number.POSITIVE_INFINITY;
    for (const call of this.#calls) {
      if (call.deadline <= now) call.failed(result);
      else next = Math.min(next, call.deadline);
    }
    this.deadline = next;
  }

  #drop(indexes: ReadonlySet<number>): void {
    this.#events = this.#events.filter((_, index) => !indexes.has(index));
    this.#sizes = this.#sizes.filter((_, index) => !indexes.has(index));
  }
}
