/** Publishes without a pause to the streams that are open, one event or a batch at a time, and keeps the ledger. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestEvent } from "../support/http.ts";
import type { Ledger } from "./ledger.ts";
import { publishEvents } from "./outcome.ts";
import type { ScheduleProof } from "./schedule-proof.ts";
import type { Supervisor } from "./supervisor.ts";

export const TYPES = ["com.example.created", "com.example.updated", "com.example.deleted"] as const;
const BATCH_EVENTS = 20;
const PAUSE_MS = 5;
/** How far ahead the events of a scheduled stream may be due: longer than the processes live. */
const SCHEDULED_MS_MAX = 4_000;

interface OpenStream {
  readonly topic: string;
  /** Whether its events have a `deliverytime`. */
  readonly isScheduled: boolean;
  readonly underWay: Set<Promise<void>>;
}

export class Publishers {
  readonly #supervisor: Supervisor;
  readonly #ledger: Ledger;
  readonly #schedule: ScheduleProof;
  readonly #random: () => number;
  readonly #streams = new Map<string, OpenStream>();
  readonly #loops: Promise<void>[] = [];
  #isStopped = false;

  constructor(supervisor: Supervisor, ledger: Ledger, schedule: ScheduleProof, random: () => number) {
    this.#supervisor = supervisor;
    this.#ledger = ledger;
    this.#schedule = schedule;
    this.#random = random;
  }

  open(stream: string, topic: string, isScheduled = false): void {
    this.#streams.set(stream, { topic, isScheduled, underWay: new Set() });
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
    const call = this.#send(url, stream, open);
    open.underWay.add(call);
    await call;
    open.underWay.delete(call);
  }

  async #send(url: string, stream: string, { topic, isScheduled }: OpenStream): Promise<void> {
    const events = Array.from({ length: this.#random() < 0.3 ? BATCH_EVENTS : 1 }, () =>
      isScheduled ? this.#createScheduledEvent() : this.#createEvent(),
    );
    for (const { id, type } of events) this.#ledger.publishing(id, stream, type);
    const outcome = await publishEvents(url, topic, events);
    for (const { id } of events) this.#ledger.answered(id, outcome);
  }

  #createScheduledEvent(): TestEvent & { readonly type: string } {
    const event = this.#createEvent();
    const dueAt = Date.now() + Math.floor(this.#random() * SCHEDULED_MS_MAX);
    this.#schedule.publishing(event.id, dueAt);
    return { ...event, deliverytime: new Date(dueAt).toISOString() };
  }

  #createEvent(): TestEvent & { readonly type: string } {
    const type = TYPES[Math.floor(this.#random() * TYPES.length)] ?? TYPES[0];
    return { id: randomUUID(), type, data: "x".repeat(Math.floor(this.#random() * 1_500)) };
  }
}
