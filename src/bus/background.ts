/**
 * Repeats what a broker has to confirm until it is confirmed, in the background: creating a topic, deleting a group,
 * taking a subscription into service. The intent lies in the store before its task begins, so a crash loses no task.
 *
 *   trying ── confirmed ──▶ done
 *    │  ▲
 *  failed └── pause over, or somebody asks again
 *    ▼  │
 *   waiting ── replaced by another task of its name, or the bus stops ──▶ ended
 *
 * A resource has one name and thus one task. Its next one begins after the last step of the one before, so that a group
 * is never created while it is being deleted. A step must be idempotent, and may be cut off by a crash anywhere.
 *
 * What passes by itself (a broker that is down) is tried again soon; a refusal (no permission, an address that can't be)
 * slowly, since only people can mend it. Both are visible as the task's fault, and logged when they change.
 */
import { PulsebusError } from "../errors.ts";
import {
  BACKGROUND_PAUSE_MS,
  BACKGROUND_PAUSE_MS_MAX,
  BACKGROUND_REFUSED_PAUSE_MS_MAX,
  BACKGROUND_STEPS_MAX,
} from "../limits.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Random } from "../runtime/random.ts";
import { TransportError } from "../transport/port.ts";
import { ConcurrencyLimit } from "./concurrency-limit.ts";

/** Resolves when it is confirmed. The signal says that nobody wants the result any more. */
export type Step = (signal: AbortSignal) => Promise<void>;

/** `open`: nothing that passes by itself has passed yet. */
export type Outcome = "confirmed" | "refused" | "open";

export interface BackgroundOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class Background {
  readonly #options: BackgroundOptions;
  readonly #tasks = new Map<string, Task>();
  /** By transport: one that is down holds up no other. */
  readonly #limits = new Map<string, ConcurrencyLimit>();
  #stopped = false;

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  /** Takes the place of the task of this name, whose step may still end. `name` is shown: `topic "orders"`. */
  repeat(name: string, transport: string, step: Step): Task {
    const before = this.#tasks.get(name);
    before?.end();
    const limit = this.#limits.get(transport) ?? new ConcurrencyLimit(BACKGROUND_STEPS_MAX);
    this.#limits.set(transport, limit);
    const task = new Task(this.#options, name, (signal) =>
      limit.run(async () => {
        signal.throwIfAborted();
        await step(signal);
      }),
    );
    this.#tasks.set(name, task);
    if (this.#stopped) task.end();
    void task.run(before?.finished).then(() => {
      if (this.#tasks.get(name) === task) this.#tasks.delete(name);
    });
    return task;
  }

  /** Begins no more steps; resolves once none runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const tasks = [...this.#tasks.values()];
    for (const task of tasks) task.end();
    await Promise.all(tasks.map(({ finished }) => finished));
  }
}

export class Task {
  readonly name: string;
  readonly #options: BackgroundOptions;
  readonly #step: Step;
  readonly #ended = new AbortController();
  readonly #finished = Promise.withResolvers<void>();
  /** Called after each try, and at the end. */
  readonly #watchers = new Set<() => void>();
  #pause: AbortController | undefined;
  #fault: Error | undefined;
  #isDone = false;
  #tries = 0;

  constructor(options: BackgroundOptions, name: string, step: Step) {
    this.#options = options;
    this.name = name;
    this.#step = step;
  }

  /** Why it is not confirmed; undefined once it is. */
  get fault(): Error | undefined {
    return this.#isDone ? undefined : (this.#fault ?? NO_ANSWER);
  }

  /** Neither done nor ended. */
  get isOpen(): boolean {
    return !this.#isDone && !this.#ended.signal.aborted;
  }

  /** Resolves when no step of it runs and none will. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Resolves after the first try, whatever came of it, or after `withinMs`. */
  tried(withinMs: number): Promise<void> {
    return this.#until(withinMs, () => this.#tries > 0);
  }

  /** Tries at once; answers how it stands once it is confirmed, refused or ended, or after `withinMs`. It goes on. */
  async outcome(withinMs: number): Promise<Outcome> {
    const triesBefore = this.#tries;
    this.#pause?.abort();
    const isRefused = (): boolean => this.#tries > triesBefore && this.#fault !== undefined && !isPassing(this.#fault);
    await this.#until(withinMs, isRefused);
    if (this.#isDone) return "confirmed";
    return isRefused() ? "refused" : "open";
  }

  end(): void {
    this.#ended.abort();
    this.#pause?.abort();
    this.#changed();
  }

  /** To be called once; never rejects. */
  async run(after: Promise<void> | undefined): Promise<void> {
    await after;
    for (let pauseMs = BACKGROUND_PAUSE_MS; this.isOpen; pauseMs *= 2) {
      await this.#try();
      if (this.isOpen) await this.#rest(pauseMs);
    }
    this.#finished.resolve();
  }

  async #try(): Promise<void> {
    const { logger } = this.#options;
    try {
      await this.#step(this.#ended.signal);
      this.#isDone = true;
      if (this.#fault !== undefined) logger.info({ task: this.name }, "confirmed");
      this.#fault = undefined;
    } catch (error) {
      if (!this.#ended.signal.aborted) this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
    this.#tries += 1;
    this.#changed();
  }

  #failed(error: Error): void {
    const { logger } = this.#options;
    const isNew = error.message !== this.#fault?.message;
    this.#fault = error;
    if (!isNew) return;
    const fields = { task: this.name, reason: error.message };
    if (isPassing(error)) logger.warn(fields, "not confirmed yet; it is tried again");
    else logger.error(fields, "refused; it is tried again now and then");
  }

  /** Half of the pause at least, so that what failed together does not come back together. */
  async #rest(pauseMs: number): Promise<void> {
    const { clock, random } = this.#options;
    const isPassingFault = this.#fault === undefined || isPassing(this.#fault);
    const most = isPassingFault ? BACKGROUND_PAUSE_MS_MAX : BACKGROUND_REFUSED_PAUSE_MS_MAX;
    this.#pause = new AbortController();
    await sleep(clock, (Math.min(pauseMs, most) * (1 + random())) / 2, this.#pause.signal);
    this.#pause = undefined;
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #until(withinMs: number, condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.isOpen && !condition()) return;
        cancel();
        this.#watchers.delete(check);
        resolve();
      };
      const giveUp = (): void => {
        this.#watchers.delete(check);
        resolve();
      };
      const cancel = this.#options.clock.timer(withinMs, giveUp);
      this.#watchers.add(check);
      check();
    });
  }
}

const NO_ANSWER = new PulsebusError("unavailable", "the transport has not answered yet");
const PASSING_CODES = new Set(["unavailable", "throttled", "storage-full"]);

/** Whether it may be over without anybody changing anything. */
export function isPassing(error: Error): boolean {
  if (error instanceof TransportError) return error.retryable;
  return error instanceof PulsebusError && PASSING_CODES.has(error.code);
}
