/**
 * Turns between subscriptions: weighted round robin. Each round gives every subscription that has something to do as
 * many starts as its weight says; between rounds the process handles what has come in, so that one with a million
 * events to catch up on delays the others by a round and no more. All of them together run a bounded number of attempts:
 * at the bound they take turns for each slot that becomes free.
 */
import { ATTEMPTS_RUNNING_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";

interface Member {
  /** Starts of attempts in one turn, at most. */
  readonly starts: number;
  /** Does what there is to do, and starts at most `budget` attempts; answers how many. */
  readonly work: (budget: number) => number;
}

export interface Seat {
  /** Asks for a turn in the next round. */
  plan(): void;
  /** An attempt ended. */
  ended(): void;
}

export class Turns {
  readonly #clock: Clock;
  #waiting = new Set<Member>();
  #running = 0;
  #planned = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join(member: Member): Seat {
    return {
      plan: () => {
        this.#waiting.add(member);
        this.#plan();
      },
      ended: () => {
        this.#running -= 1;
        if (this.#waiting.size > 0) this.#plan();
      },
    };
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    this.#clock.soon(() => {
      this.#planned = false;
      this.#round();
    });
  }

  #round(): void {
    const round = this.#waiting;
    this.#waiting = new Set();
    const served: Member[] = [];
    let isFull = false;
    for (const member of round) {
      const free = ATTEMPTS_RUNNING_MAX - this.#running;
      const budget = Math.min(member.starts, free);
      const started = member.work(budget);
      this.#running += started;
      if (budget === 0) this.#waiting.add(member);
      else if (started === budget) served.push(member);
      isFull ||= free <= started;
    }
    // Whom this round left without comes first when a slot is free again.
    for (const member of served) this.#waiting.add(member);
    if (this.#waiting.size > 0 && !isFull) this.#plan();
  }
}
