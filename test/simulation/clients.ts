/** The publishers: they send batches through the bus, and send again what was not confirmed, sometimes. */
import type { Event } from "../../src/event/event.ts";
import type { Dice } from "./dice.ts";
import { type Host, OUTSIDE, type World } from "./host.ts";
import { makeEvent, type Workload } from "./workload.ts";

const AGAIN_MS_MAX = 3_000;

export class Clients {
  readonly #world: World;
  readonly #host: Host;
  readonly #workload: Workload;
  readonly #dice: Dice;
  published = 0;

  constructor(world: World, host: Host, workload: Workload, dice: Dice) {
    this.#world = world;
    this.#host = host;
    this.#workload = workload;
    this.#dice = dice;
  }

  start(durationMs: number): void {
    for (let calls = this.#dice.integer(5, 40); calls > 0; calls--) {
      const delayMs = this.#dice.integer(0, durationMs);
      this.#at(delayMs, this.#dice.pick(this.#workload.topics), this.#makeBatch(this.#world.scheduler.now + delayMs));
    }
    for (let foreign = this.#dice.pick([0, 0, 1, 3]); foreign > 0; foreign--) {
      this.#world.scheduler.after(OUTSIDE, this.#dice.integer(0, durationMs), () => this.#storeForeign());
    }
  }

  #makeBatch(now: number): Event[] {
    return Array.from({ length: this.#dice.pick([1, 1, 2, 5, 12]) }, () => {
      this.published += 1;
      return makeEvent(this.#dice, `e${this.published}`, now);
    });
  }

  #at(delayMs: number, topic: string, events: readonly Event[]): void {
    this.#world.scheduler.after(OUTSIDE, delayMs, () => {
      this.#publish(topic, events).catch((error: unknown) => this.#world.trace.say(`publish: ${error}`));
    });
  }

  async #publish(topic: string, events: readonly Event[]): Promise<void> {
    const { bus } = this.#host;
    if (bus === undefined) return this.#later(topic, events);
    const results = await (await bus.openTopic(topic)).publish(events);
    const failed: Event[] = [];
    for (const [index, event] of events.entries()) {
      if (results[index]?.ok) this.#world.ledger.accepted(topic, event.id);
      else failed.push(event);
    }
    if (failed.length > 0 && this.#dice.chance(0.7)) this.#later(topic, failed);
  }

  #later(topic: string, events: readonly Event[]): void {
    this.#at(this.#dice.integer(1, AGAIN_MS_MAX), topic, events);
  }

  /** Somebody else writes to the broker, and no CloudEvent. */
  #storeForeign(): void {
    const { broker, scheduler } = this.#world;
    const topic = broker.topics.get(this.#dice.pick(this.#workload.topics));
    if (topic === undefined) return;
    broker.store(topic, { malformed: "no CloudEvent", headers: [], bytes: Buffer.from("foreign") }, scheduler.now);
  }
}
