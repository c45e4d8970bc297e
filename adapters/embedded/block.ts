/** The open blocks of a batch: records are written straight into the memory that moves to the writer thread. */
import type { Event } from "../../src/event/event.ts";
import { writeRecord } from "../../src/event/record.ts";
import { BLOCK_BUFFER_BYTES, BLOCK_BUFFERS_MAX, BLOCK_BYTES_MAX, BLOCK_EVENTS_MAX } from "../../src/limits.ts";
import type { AppendBlock } from "./sql/append.ts";

/** Buffers that came back from the writer thread: filling one again spares the kernel clearing new pages. */
export class BufferPool {
  readonly #free: ArrayBuffer[] = [];

  take(bytes: number): ArrayBuffer {
    const buffer = this.#free.pop();
    if (buffer !== undefined && buffer.byteLength >= bytes) return buffer;
    return new ArrayBuffer(Math.max(bytes, BLOCK_BUFFER_BYTES));
  }

  give(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) {
      if (this.#free.length < BLOCK_BUFFERS_MAX && buffer.byteLength <= BLOCK_BYTES_MAX) this.#free.push(buffer);
    }
  }
}

export class Block {
  #target: Buffer;
  #bytes = 0;
  #count = 0;

  constructor(buffer: ArrayBuffer) {
    this.#target = Buffer.from(buffer);
  }

  /** A block takes one event of any size. */
  hasRoom(bytes: number): boolean {
    return this.#count === 0 || (this.#count < BLOCK_EVENTS_MAX && this.#bytes + bytes <= BLOCK_BYTES_MAX);
  }

  add(event: Event, bytes: number): void {
    if (this.#bytes + bytes > this.#target.length) this.#grow(this.#bytes + bytes);
    this.#bytes += writeRecord(event, this.#target, this.#bytes);
    this.#count += 1;
  }

  seal(): AppendBlock {
    return { buffer: this.#target.buffer as ArrayBuffer, bytes: this.#bytes, count: this.#count };
  }

  #grow(bytes: number): void {
    const grown = Buffer.from(new ArrayBuffer(Math.max(bytes, Math.min(this.#target.length * 2, BLOCK_BYTES_MAX))));
    this.#target.copy(grown, 0, 0, this.#bytes);
    this.#target = grown;
  }
}
