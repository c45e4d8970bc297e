/**
 * Virtual time, and the order in which everything happens. What the engine waits for (timers, answers of store,
 * transport and sinks) is a task here. Of the tasks that are due, chance picks the next; when none is, time moves to the
 * next one. After each task all promises that it resolved are followed to their end before the next is picked. So one
 * run is one order of events, and the seed alone decides which.
 *
 * Tasks belong to an owner: a process, whose tasks end with it, or the world.
 */
import type { Dice } from "./dice.ts";

export type Owner = symbol;

interface Task {
  readonly owner: Owner;
  readonly dueAt: number;
  readonly run: () => void;
  isCancelled: boolean;
}

export class Scheduler {
  readonly #dice: Dice;
  /** By due time; few enough that a sorted list beats a heap. */
  #waiting: Task[] = [];
  #due: Task[] = [];
  readonly #ended = new Set<Owner>();
  #now: number;
  steps = 0;
  /** Called before each task. */
  onStep: () => void = () => {};

  constructor(dice: Dice, now: number) {
    this.#dice = dice;
    this.#now = now;
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#now;
  }

  /** Runs the task after `delayMs`; the answer cancels it. */
  after(owner: Owner, delayMs: number, run: () => void): () => void {
    const task: Task = { owner, dueAt: this.#now + Math.max(0, delayMs), run, isCancelled: false };
    if (this.#ended.has(owner)) return () => {};
    if (task.dueAt <= this.#now) this.#due.push(task);
    else this.#waiting.splice(this.#placeOf(task.dueAt), 0, task);
    return () => {
      task.isCancelled = true;
    };
  }

  /** Ends all tasks of an owner, for good. */
  end(owner: Owner): void {
    this.#ended.add(owner);
    const stays = (task: Task): boolean => task.owner !== owner;
    this.#waiting = this.#waiting.filter(stays);
    this.#due = this.#due.filter(stays);
  }

  /** Runs tasks until `isDone`, `until` is reached, or nothing is left to run. */
  async run(until: number, isDone: () => boolean = () => false): Promise<void> {
    while (!isDone()) {
      const task = this.#take(until);
      if (task === undefined) break;
      this.steps += 1;
      this.onStep();
      if (!task.isCancelled && !this.#ended.has(task.owner)) task.run();
      await new Promise(setImmediate);
    }
    if (!isDone()) this.#now = Math.max(this.#now, until);
  }

  #take(until: number): Task | undefined {
    for (;;) {
      if (this.#due.length === 0 && !this.#advance(until)) return undefined;
      const at = Math.floor(this.#dice.next() * this.#due.length);
      const [task] = this.#due.splice(at, 1);
      if (task !== undefined && !task.isCancelled) return task;
    }
  }

  /** Moves time to the next task; false when there is none by then. */
  #advance(until: number): boolean {
    const next = this.#waiting.find(({ isCancelled }) => !isCancelled);
    if (next === undefined || next.dueAt > until) return false;
    this.#now = next.dueAt;
    const end = this.#placeOf(this.#now);
    this.#due.push(...this.#waiting.splice(0, end));
    return true;
  }

  /** After all that is due by then. */
  #placeOf(dueAt: number): number {
    let [low, high] = [0, this.#waiting.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#waiting[middle]?.dueAt ?? 0) <= dueAt) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
