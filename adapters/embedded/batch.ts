/** What one topic stores in one commit: collected until its group is sent, answered after the commit. */
import type { Event } from "../../src/event/event.ts";
import type { PublishResult } from "../../src/transport/port.ts";
import { Block, type BufferPool } from "./block.ts";
import type { Call } from "./call.ts";
import type { Append } from "./sql/append.ts";

export class Batch {
  readonly events: Event[] = [];
  /** Of each event's record. */
  readonly sizes: number[] = [];
  readonly #blocks: Block[] = [];
  readonly #calls: Call[] = [];
  readonly #buffers: BufferPool;
  bytes = 0;
  storedAt = 0;
  /** The earliest of its calls' deadlines. */
  deadline = Number.POSITIVE_INFINITY;

  constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  add(event: Event, bytes: number): void {
    let block = this.#blocks.at(-1);
    if (block === undefined || !block.hasRoom(bytes)) {
      block = new Block(this.#buffers.take(bytes));
      this.#blocks.push(block);
    }
    block.add(event, bytes);
    this.events.push(event);
    this.sizes.push(bytes);
    this.bytes += bytes;
  }

  addCall(call: Call): void {
    this.#calls.push(call);
    if (call.deadline < this.deadline) this.deadline = call.deadline;
  }

  seal(topic: number, storedAt: number): { payload: Append; transfer: ArrayBuffer[] } {
    this.storedAt = storedAt;
    const blocks = this.#blocks.map((block) => block.seal());
    const payload = { topic, storedAt, events: this.events.length, bytes: this.bytes, blocks };
    return { payload, transfer: blocks.map(({ buffer }) => buffer) };
  }

  stored(generation: number, first: number): void {
    let number = first;
    for (const call of this.#calls) {
      call.stored(generation, number);
      number += call.accepted;
    }
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
}
