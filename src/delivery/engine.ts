/** What all subscriptions of a bus share. */
import type { Clock } from "../runtime/clock.ts";
import { Breakers } from "./breakers.ts";
import { Turns } from "./turns.ts";

export class Engine {
  readonly breakers = new Breakers();
  readonly turns: Turns;
  /** The process did not end by itself the last time: deliveries may have been open. */
  readonly afterUncleanStop: boolean;

  constructor(clock: Clock, afterUncleanStop: boolean) {
    this.turns = new Turns(clock);
    this.afterUncleanStop = afterUncleanStop;
  }
}
