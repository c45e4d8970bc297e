/** Publishes without a pause to the streams that are open, one event or a batch at a time, and keeps the ledger. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { publish, publishBatch, type Reply, type TestEvent } from "../support/http.ts";
import type { Ledger, Outcome } from "./ledger.ts";
import type { Supervisor } from "./supervisor.ts";

export const TYPES = ["com.example.created", "com.example.updated", "com.example.deleted"] as const;
const BATCH_EVENTS = 20;
const PAUSE_MS = 5;

export class Publishers {
  readonly #supervisor: Supervisor;
  readonly #ledger: Ledger;
  readonly #random: () => number;
  /** By stream: its topic, and the publishes under way. */
  readonly #streams = new Map<string, { readonly topic: string; readonly underWay: Set<Promise<void>> }>();
  readonly #loops: Promise<void>[] = [];
  #isStopped = false;

  constructor(supervisor: Supervisor, ledger: Ledger, random: () => number) {
    this.#supervisor = supervisor;
    this.#ledger = ledger;
    this.#random = random;
  }

  open(stream: string, topic: string): void {
    this.#streams.set(stream, { topic, underWay: new Set() });
  }

  /** Resolves when nothing is published to it any more. */
  async close(stream: string): Promise<void> {
    const underWay = this.#streams.get(stream)?.underWay ?? [];
    this.#streams.delete(stream);
    await Promise.all(underWay);
  }

  start(count: number): void {
    for (let n = 0; n < count; n++) this.#loops.push(this.#loop());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped) {
      const streams = [...this.#streams.keys()];
      const stream = streams[Math.floor(this.#random() * streams.length)];
      if (stream !== undefined) await this.#publishTo(stream);
      await sleep(PAUSE_MS);
    }
  }

  async #publishTo(stream: string): Promise<void> {
    const { url } = await this.#supervisor.current;
    // It may have been closed while the bus was away.
    const open = this.#streams.get(stream);
    if (open === undefined) return;
    const call = this.#send(url, stream, open.topic);
    open.underWay.add(call);
    await call;
    open.underWay.delete(call);
  }

  async #send(url: string, stream: string, topic: string): Promise<void> {
    const events = Array.from({ length: this.#random() < 0.3 ? BATCH_EVENTS : 1 }, () => this.#createEvent());
    for (const { id, type } of events) this.#ledger.publishing(id, stream, type);
    const [first] = events;
    if (first === undefined) return;
    const sent = events.length === 1 ? publish(url, topic, first) : publishBatch(url, topic, events);
    const outcome = await sent.then(outcomeOf, () => "unknown" as const);
    for (const { id } of events) this.#ledger.answered(id, outcome);
  }

  #createEvent(): TestEvent & { readonly type: string } {
    const type = TYPES[Math.floor(this.#random() * TYPES.length)] ?? TYPES[0];
    return { id: randomUUID(), type, data: "x".repeat(Math.floor(this.#random() * 1_500)) };
  }
}

function outcomeOf({ status }: Reply): Outcome {
  if (status === 202) return "accepted";
  // A server error may have stored some of a batch.
  return status >= 500 ? "unknown" : "refused";
}
