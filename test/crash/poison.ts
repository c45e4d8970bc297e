/**
 * Redrives what was given up as poison: deliveries that were being attempted at three kills in a row, rightly given up as
 * far as the bus can know. An operator would do the same, and then nothing may be missing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { deadLetters } from "../support/api.ts";
import { call } from "../support/http.ts";
import type { Supervisor } from "./supervisor.ts";

const PAUSE_MS = 500;

export class PoisonRedriver {
  readonly #supervisor: Supervisor;
  readonly #subscriptions: ReadonlySet<string>;
  #loop: Promise<void> | undefined;
  #isStopped = false;
  #redriven = 0;

  constructor(supervisor: Supervisor, subscriptions: ReadonlySet<string>) {
    this.#supervisor = supervisor;
    this.#subscriptions = subscriptions;
  }

  get redriven(): number {
    return this.#redriven;
  }

  start(): void {
    this.#loop = this.#redriveRepeatedly();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
  }

  async #redriveRepeatedly(): Promise<void> {
    while (!this.#isStopped) {
      await sleep(PAUSE_MS);
      const { url } = await this.#supervisor.current;
      // A kill may come in between, or the subscription be gone.
      for (const id of this.#subscriptions) await this.#redrive(url, id).catch(() => {});
    }
  }

  async #redrive(url: string, id: string): Promise<void> {
    const ids = (await deadLetters(url, id)).filter(({ reason }) => reason === "poison").map((row) => row.id);
    if (ids.length === 0) return;
    await call(url, "POST", `/subscriptions/${id}/dead-letters/redrive`, { ids });
    this.#redriven += ids.length;
  }
}
