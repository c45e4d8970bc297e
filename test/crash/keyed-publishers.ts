/**
 * Publishes events of several keys to one topic. The next events of a key are published only after the answer to those
 * before, or after the process that owed the answer is dead: so the order in which a key's events were stored, as far
 * as they were, is the order in which they were published.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "./ledger.ts";
import type { OrderProof } from "./order-proof.ts";
import { publishEvents } from "./outcome.ts";
import type { Supervisor } from "./supervisor.ts";

const TYPE = "com.example.step";
const BATCH_EVENTS = 5;
const PAUSE_MS = 20;

export interface KeyedPublishersOptions {
  readonly supervisor: Supervisor;
  readonly ledger: Ledger;
  readonly order: OrderProof;
  readonly random: () => number;
  /** The topic, which is the stream too. */
  readonly topic: string;
  readonly keys: number;
}

export class KeyedPublishers {
  readonly #options: KeyedPublishersOptions;
  #loops: readonly Promise<void>[] = [];
  #isStopped = false;

  constructor(options: KeyedPublishersOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loops = Array.from({ length: this.#options.keys }, (_, key) => this.#loop(`key-${key}`));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(key: string): Promise<void> {
    const { supervisor, ledger, order, random, topic } = this.#options;
    while (!this.#isStopped) {
      const { url } = await supervisor.current;
      const events = Array.from({ length: random() < 0.2 ? BATCH_EVENTS : 1 }, () => ({
        id: randomUUID(),
        type: TYPE,
        partitionkey: key,
      }));
      for (const { id } of events) {
        ledger.publishing(id, topic, TYPE);
        order.publishing(id, key);
      }
      const outcome = await publishEvents(url, topic, events);
      for (const { id } of events) ledger.answered(id, outcome);
      await sleep(random() * PAUSE_MS);
    }
  }
}
