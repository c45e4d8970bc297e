/**
 * A worker thread as the main thread holds it.
 *
 * starting: created, no word from it yet. -> up: it says that it has opened the file. -> down: it refuses, or dies.
 * up: takes messages. -> down: it dies. -> closed: `close`.
 * down: takes none; what was under way has been given up. -> starting: after a pause that grows up to a bound.
 * closed: the end. A first start that is refused ends there too, and `start` rejects with the reason.
 */
import { type TransferListItem, Worker } from "node:worker_threads";
import { PulsebusError } from "../errors.ts";
import { REOPEN_PAUSE_MAX_MS, REOPEN_PAUSE_MIN_MS } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { fromFault } from "./fault.ts";
import { CLOSE, type Started, type ThreadData } from "./messages.ts";

export interface ThreadOptions<Answer> {
  readonly file: URL;
  readonly data: ThreadData;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onAnswer: (answer: Answer) => void;
  /** Everything that was sent and not answered is lost. */
  readonly onDown: () => void;
}

export class Thread<Request, Answer> {
  readonly #options: ThreadOptions<Answer>;
  #state: "starting" | "up" | "down" | "closed" = "starting";
  #worker: Worker | undefined;
  #pauseMs = REOPEN_PAUSE_MIN_MS;
  #cancelRestart: () => void = () => {};

  private constructor(options: ThreadOptions<Answer>) {
    this.#options = options;
  }

  static async start<Request, Answer>(options: ThreadOptions<Answer>): Promise<Thread<Request, Answer>> {
    const thread = new Thread<Request, Answer>(options);
    try {
      await thread.#start();
      return thread;
    } catch (error) {
      thread.#state = "closed";
      throw error;
    }
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  /** Throws what `postMessage` throws: a payload that can't be cloned, a buffer that was moved before. */
  send(request: Request, transfer: readonly TransferListItem[]): void {
    this.#worker?.postMessage(request, transfer);
  }

  /** Resolves when the thread has ended. */
  async close(): Promise<void> {
    const worker = this.#worker;
    const wasUp = this.#state === "up";
    this.#state = "closed";
    this.#cancelRestart();
    if (worker === undefined) return;
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    if (wasUp) worker.postMessage(CLOSE);
    else await worker.terminate();
    await ended;
  }

  #start(): Promise<void> {
    this.#state = "starting";
    const worker = new Worker(this.#options.file, { workerData: this.#options.data });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let reason: unknown;
      worker.once("message", (started: Started) => {
        if (started.started) resolve(this.#up(worker));
        else reason = fromFault(started.fault); // the thread ends now, and frees what it held
      });
      worker.once("error", (error) => {
        reason = error;
      });
      worker.once("exit", () => {
        this.#worker = undefined;
        reject(reason instanceof PulsebusError ? reason : endedWhileStarting(reason));
        if (this.#state === "up") this.#down(reason);
      });
    });
  }

  #up(worker: Worker): void {
    if (this.#state !== "starting") return;
    this.#state = "up";
    this.#pauseMs = REOPEN_PAUSE_MIN_MS;
    worker.on("message", this.#options.onAnswer);
  }

  #down(reason: unknown): void {
    this.#state = "down";
    this.#options.logger.error({ err: reason }, "a database thread ended unexpectedly; it is started again");
    this.#options.onDown();
    this.#restartLater();
  }

  #restartLater(): void {
    this.#cancelRestart = this.#options.clock.timer(this.#pauseMs, () => void this.#restart());
    this.#pauseMs = Math.min(this.#pauseMs * 2, REOPEN_PAUSE_MAX_MS);
  }

  async #restart(): Promise<void> {
    try {
      await this.#start();
      this.#options.logger.info({}, "a database thread is up again");
    } catch (error) {
      if (this.#state === "closed") return;
      this.#state = "down";
      this.#options.logger.error({ err: error }, "a database thread could not be started; it is tried again");
      this.#restartLater();
    }
  }
}

function endedWhileStarting(cause: unknown): PulsebusError {
  const reason = cause instanceof Error ? cause.message : "no reason given";
  return new PulsebusError("internal", `A database thread ended while it was starting: ${reason}`, { cause });
}
