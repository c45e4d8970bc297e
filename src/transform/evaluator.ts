/**
 * The one process that evaluates JSONata, for the whole bus. A thread would not do: what exhausts the memory of a thread
 * in one call of V8 ends the whole program (measured: `$pad("", 300000000)`). It runs one request at a time; requests of
 * different expressions take turns, so that a slow expression does not starve the others.
 *
 *   none ── a request waits ──▶ starting ── it says READY ──▶ idle ⇄ busy
 *     ▲                            │ ends: all that waits is answered `unavailable`
 *     └────────────────────────────┴── busy: ends by itself, or is killed at the deadline: its request has failed,
 *                                      the others go on with the next process
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { TRANSFORM_HEAP_MIB_MAX, TRANSFORM_KILL_MS_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { sibling } from "../runtime/sibling.ts";
import { type Answer, READY, type Request } from "./messages.ts";
import { Turns } from "./turns.ts";

/** `unavailable`: there is no process; no fault of the expression. */
export type Reply = Answer | { readonly kind: "unavailable"; readonly problem: string };

interface Task {
  readonly request: Request;
  readonly settle: (reply: Reply) => void;
}

/** It may read files, which are its own code, and do nothing else to the machine. */
const NODE_FLAGS = ["--permission", "--allow-fs-read=*", `--max-old-space-size=${TRANSFORM_HEAP_MIB_MAX}`];
const ENDED = "was ended by a shutdown";

export class Evaluator {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #waiting = new Turns<Task>();
  #process: ChildProcess | undefined;
  #isReady = false;
  #running: Task | undefined;
  #cancelDeadline: () => void = () => undefined;
  #closed = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Never rejects. The signal takes a request that still waits for its turn out of the queue: it is never answered. */
  ask(request: Request, signal: AbortSignal): Promise<Reply> {
    return new Promise((resolve) => {
      const { expression } = request;
      const withdraw = (): void => this.#waiting.delete(expression, task);
      const task: Task = {
        request,
        settle(reply) {
          signal.removeEventListener("abort", withdraw);
          resolve(reply);
        },
      };
      signal.addEventListener("abort", withdraw, { once: true });
      this.#waiting.add(expression, task);
      this.#pump();
    });
  }

  /** What waits or runs is answered `unavailable`. Resolves when the process has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    const process = this.#process;
    this.#forget({ kind: "unavailable", problem: ENDED });
    this.#giveUpWaiting(ENDED);
    if (process === undefined) return;
    const ended = once(process, "exit");
    process.kill("SIGKILL");
    await ended;
  }

  #pump(): void {
    if (this.#closed) this.#giveUpWaiting(ENDED);
    if (this.#waiting.isEmpty || this.#running !== undefined) return;
    if (this.#process === undefined) this.#start();
    else if (this.#isReady) this.#run(this.#process, this.#waiting.next());
  }

  #run(process: ChildProcess, task: Task | undefined): void {
    if (task === undefined) return;
    this.#running = task;
    this.#cancelDeadline = this.#clock.timer(TRANSFORM_KILL_MS_MAX, () => this.#kill(process));
    process.send(task.request);
  }

  #start(): void {
    const process = fork(sibling(import.meta.url, "process-entry"), {
      execArgv: NODE_FLAGS,
      env: {},
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#process = process;
    process.on("message", (message: typeof READY | Answer) => {
      if (process !== this.#process) return;
      if (message === READY) this.#isReady = true;
      else this.#settle(message);
      this.#pump();
    });
    process.on("error", (error) => this.#ended(process, error.message));
    process.on("exit", (code, signal) => this.#ended(process, reasonOf(code, signal)));
  }

  #ended(process: ChildProcess, reason: string): void {
    if (process !== this.#process) return;
    this.#logger.warn({ reason }, "the transformation process has ended; the next event starts another one");
    if (!this.#isReady) this.#giveUpWaiting(`could not be started: its process ${reason}`);
    this.#forget({ kind: "failed", problem: `failed: its process ${reason}` });
    this.#pump();
  }

  #kill(process: ChildProcess): void {
    this.#forget({ kind: "failed", problem: `failed: it took longer than ${TRANSFORM_KILL_MS_MAX} ms` });
    process.kill("SIGKILL");
    this.#pump();
  }

  /** The next request starts another process. */
  #forget(reply: Reply): void {
    this.#process = undefined;
    this.#isReady = false;
    this.#settle(reply);
  }

  #settle(reply: Reply): void {
    const task = this.#running;
    this.#running = undefined;
    this.#cancelDeadline();
    task?.settle(reply);
  }

  #giveUpWaiting(problem: string): void {
    for (const task of this.#waiting.clear()) task.settle({ kind: "unavailable", problem });
  }
}

function reasonOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === "SIGABRT")
    return `ended by ${signal}, as it does when it needs more than ${TRANSFORM_HEAP_MIB_MAX} MiB`;
  return `ended by ${signal ?? `exit code ${code}`}`;
}
