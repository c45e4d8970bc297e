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

interface Task {
  readonly request: Request;
  readonly settle: (answer: Answer) => void;
}

/** It may read files, which are its own code, and do nothing else to the machine. */
const NODE_FLAGS = ["--permission", "--allow-fs-read=*", `--max-old-space-size=${TRANSFORM_HEAP_MIB_MAX}`];
const ENDED = "was ended by a shutdown";
/** What V8 ends a program with that needs more memory than it may, and what a fault in V8 would. */
const CRASHES: ReadonlySet<NodeJS.Signals | null> = new Set(["SIGABRT", "SIGTRAP", "SIGILL", "SIGSEGV", "SIGBUS"]);
/** A deadline in parts: of a machine that stood still only one part is over when it goes on. */
const DEADLINE_PARTS = 4;

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
  ask(request: Request, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve) => {
      const { expression } = request;
      const withdraw = (): void => this.#waiting.delete(expression, task);
      const task: Task = {
        request,
        settle(answer) {
          signal.removeEventListener("abort", withdraw);
          resolve(answer);
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
    this.#arm(process, DEADLINE_PARTS);
    process.send(task.request);
  }

  #arm(process: ChildProcess, parts: number): void {
    this.#cancelDeadline = this.#clock.timer(TRANSFORM_KILL_MS_MAX / DEADLINE_PARTS, () =>
      parts > 1 ? this.#arm(process, parts - 1) : this.#kill(process),
    );
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
    process.on("error", (error) => this.#ended(process, { kind: "unavailable", problem: `failed: ${error.message}` }));
    process.on("exit", (code, signal) => this.#ended(process, answerOfExit(code, signal)));
  }

  #ended(process: ChildProcess, answer: Extract<Answer, { readonly problem: string }>): void {
    if (process !== this.#process) return;
    const { problem } = answer;
    this.#logger.warn({ problem }, "the transformation process has ended; the next event starts another one");
    if (!this.#isReady) this.#giveUpWaiting(problem);
    this.#forget(answer);
    this.#pump();
  }

  #kill(process: ChildProcess): void {
    this.#forget({ kind: "failed", problem: `failed: it took longer than ${TRANSFORM_KILL_MS_MAX} ms` });
    process.kill("SIGKILL");
    this.#pump();
  }

  /** The next request starts another process. */
  #forget(answer: Answer): void {
    this.#process = undefined;
    this.#isReady = false;
    this.#settle(answer);
  }

  #settle(answer: Answer): void {
    const task = this.#running;
    this.#running = undefined;
    this.#cancelDeadline();
    task?.settle(answer);
  }

  #giveUpWaiting(problem: string): void {
    for (const task of this.#waiting.clear()) task.settle({ kind: "unavailable", problem });
  }
}

function answerOfExit(
  code: number | null,
  signal: NodeJS.Signals | null,
): Extract<Answer, { readonly problem: string }> {
  const how = `failed: its process ended by ${signal ?? `exit code ${code}`}`;
  if (!CRASHES.has(signal)) return { kind: "unavailable", problem: how };
  return { kind: "failed", problem: `${how}, as it does when it needs more than ${TRANSFORM_HEAP_MIB_MAX} MiB` };
}
