/**
 * The queue before the writer thread, on the main thread.
 *
 * idle: no group is under way. The first urgent call makes the group go at the end of this turn of the event loop, so
 * that calls of the same turn travel together. A lazy call waits for company, at most for its time.
 * committing: one group is under way; what is called meanwhile waits. Its answer sends the next group first and only
 * then resolves the callers, so that the writer works while they go on.
 */
import { performance } from "node:perf_hooks";
import { PulsebusError } from "../errors.ts";
import { COMMIT_BYTES_MAX, COMMIT_OPERATIONS_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { Histogram, SIZE_BOUNDS } from "../telemetry/histogram.ts";
import type { DatabaseMetrics, Sealed } from "./database.ts";
import { fromFault } from "./fault.ts";
import type { Group, GroupAnswer } from "./messages.ts";

/** Seconds: a commit takes 0.2 ms on a good disk. */
const COMMIT_BOUNDS_SECONDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5] as const;

/** The writer thread, as far as the queue needs it. */
export interface GroupSender {
  readonly isUp: boolean;
  send(group: Group, transfer: readonly ArrayBuffer[]): void;
}

interface Call {
  readonly operation: string;
  readonly seal: () => Sealed;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

export class GroupCommit {
  readonly #clock: Clock;
  #sender: GroupSender | undefined;
  #waiting: Call[] = [];
  #committing: readonly Call[] | undefined;
  #sentAt = 0;
  /** Whether something waits that must not wait longer than for the commit under way. */
  #urgent = false;
  #scheduled = false;
  #lazyDueAt = Number.POSITIVE_INFINITY;
  #cancelLazy: () => void = () => {};
  #closed = false;
  #drained: (() => void) | undefined;

  #commits = 0;
  #operations = 0;
  #failedCommits = 0;
  readonly #commitSeconds = new Histogram(COMMIT_BOUNDS_SECONDS);
  readonly #commitOperations = new Histogram(SIZE_BOUNDS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  attach(sender: GroupSender): void {
    this.#sender = sender;
  }

  write<Result>(operation: string, seal: () => Sealed): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (!this.#enqueue({ operation, seal, resolve, reject })) return;
      this.#urgent = true;
      this.#schedule();
    });
  }

  writeLazily<Result>(operation: string, withinMs: number, seal: () => Sealed): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#enqueue({ operation, seal, resolve, reject })) this.#scheduleLazily(withinMs);
    });
  }

  answered(answer: GroupAnswer): void {
    const calls = this.#committing ?? [];
    this.#committing = undefined;
    this.#count(calls.length, answer);
    if (this.#urgent) this.#send();
    settle(calls, answer);
    this.#checkDrained();
  }

  /** The writer is gone: nobody knows what became of the group under way, and what waits would wait for too long. */
  writerDown(): void {
    const calls = [...(this.#committing ?? []), ...this.#waiting];
    this.#committing = undefined;
    this.#waiting = [];
    this.#urgent = false;
    this.#cancelLazyTimer();
    for (const call of calls) call.reject(unavailable("The database's writer thread ended unexpectedly."));
    this.#checkDrained();
  }

  /** Refuses new calls; resolves when all earlier ones are answered. */
  close(): Promise<void> {
    this.#closed = true;
    return new Promise((resolve) => {
      this.#drained = resolve;
      this.#urgent = this.#waiting.length > 0;
      if (this.#urgent) this.#schedule();
      this.#checkDrained();
    });
  }

  get metrics(): DatabaseMetrics {
    return {
      commits: this.#commits,
      operations: this.#operations,
      failedCommits: this.#failedCommits,
      commitSeconds: this.#commitSeconds.snapshot(),
      commitOperations: this.#commitOperations.snapshot(),
    };
  }

  #enqueue(call: Call): boolean {
    if (this.#closed) call.reject(unavailable("The database is closed."));
    else if (!this.#sender?.isUp) call.reject(unavailable("The database's writer thread is being started again."));
    else return this.#waiting.push(call) > 0;
    return false;
  }

  #schedule(): void {
    if (this.#scheduled || this.#committing !== undefined) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      if (this.#committing === undefined) this.#send();
    });
  }

  #scheduleLazily(withinMs: number): void {
    const dueAt = this.#clock.monotonic() + withinMs;
    if (dueAt >= this.#lazyDueAt) return;
    this.#cancelLazy();
    this.#lazyDueAt = dueAt;
    this.#cancelLazy = this.#clock.timer(withinMs, () => {
      this.#lazyDueAt = Number.POSITIVE_INFINITY;
      this.#urgent = true;
      this.#schedule();
    });
  }

  #send(): void {
    const { calls, group, transfer } = this.#sealGroup();
    if (calls.length === 0) return;
    try {
      this.#sender?.send(group, transfer);
      this.#committing = calls;
      this.#sentAt = performance.now();
    } catch (error) {
      for (const call of calls) call.reject(internal("The payloads of a group can't be handed to the writer", error));
      if (this.#urgent) this.#schedule();
    }
  }

  /** Takes from the queue until the group is full. What is left then is urgent: it was to be in this group. */
  #sealGroup(): SealedGroup {
    const waiting = this.#waiting;
    this.#waiting = []; // sealing may lead to further calls
    this.#urgent = false;
    const sealed = new SealedGroup();
    let taken = 0;
    for (const call of waiting) {
      if (sealed.isFull) break;
      sealed.add(call);
      taken += 1;
    }
    if (taken < waiting.length) {
      this.#waiting = [...waiting.slice(taken), ...this.#waiting];
      this.#urgent = true;
    }
    if (this.#waiting.length === 0) this.#cancelLazyTimer();
    return sealed;
  }

  #cancelLazyTimer(): void {
    this.#cancelLazy();
    this.#lazyDueAt = Number.POSITIVE_INFINITY;
  }

  #count(operations: number, answer: GroupAnswer): void {
    this.#commits += 1;
    this.#operations += operations;
    if (answer.rolledBack) this.#failedCommits += 1;
    this.#commitSeconds.observe((performance.now() - this.#sentAt) / 1000);
    this.#commitOperations.observe(operations);
  }

  #checkDrained(): void {
    if (this.#waiting.length === 0 && this.#committing === undefined) this.#drained?.();
  }
}

class SealedGroup {
  readonly calls: Call[] = [];
  readonly group = { operations: [] as string[], payloads: [] as unknown[] } satisfies Group;
  readonly transfer: ArrayBuffer[] = [];
  #bytes = 0;

  get isFull(): boolean {
    return this.calls.length >= COMMIT_OPERATIONS_MAX || this.#bytes >= COMMIT_BYTES_MAX;
  }

  add(call: Call): void {
    try {
      const { payload, transfer = [] } = call.seal();
      this.group.operations.push(call.operation);
      this.group.payloads.push(payload);
      for (const buffer of transfer) this.#bytes += buffer.byteLength;
      this.transfer.push(...transfer);
      this.calls.push(call);
    } catch (error) {
      call.reject(internal(`The payload of ${call.operation} can't be sealed`, error));
    }
  }
}

function settle(calls: readonly Call[], { results, faults }: GroupAnswer): void {
  for (const [index, call] of calls.entries()) {
    const fault = faults?.[index];
    if (fault === undefined) call.resolve(results[index] as never);
    else call.reject(fromFault(fault));
  }
}

function unavailable(message: string): PulsebusError {
  return new PulsebusError("unavailable", message);
}

function internal(message: string, cause: unknown): PulsebusError {
  return new PulsebusError("internal", `${message}: ${cause instanceof Error ? cause.message : cause}`, { cause });
}
