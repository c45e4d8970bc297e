/** Runs the suite against a transport that somebody uses, and says for each case what is declared and what was observed. */
import { VERIFY_CASE_MS_MAX, VERIFY_REACH_MS_MAX } from "../../limits.ts";
import type { Capabilities, Transport } from "../port.ts";
import { type ConformanceCase, runCase } from "./case.ts";
import { conformanceCases } from "./cases.ts";
import { type Leftover, ScratchHarness, type Subject } from "./scratch.ts";
import { inTime, pause } from "./steps.ts";

/** How often it is tried whether the transport can be used. */
const TRY_EVERY = 250;

export interface CaseReport {
  readonly id: string;
  readonly title: string;
  /** The capabilities that the case looked at. */
  readonly capabilities: readonly (keyof Capabilities)[];
  /** Whether the transport claims to behave so. */
  readonly declared: boolean;
  /** Whether it does; undefined where that can't be shown here. */
  readonly observed: boolean | undefined;
  /** Why it is not as declared. */
  readonly reason: string | undefined;
}

export interface VerifyObserver {
  /** Ends the verification after what it has created is removed. */
  readonly signal: AbortSignal;
  onLeftover(leftover: Leftover): void;
}

/**
 * Reports each case when it has ended, one after the other. Rejects with the transport's own error when it can't be
 * used at all. What the cases created is removed at the end, however that comes.
 */
export async function* verifyTransport(subject: Subject, observer: VerifyObserver): AsyncGenerator<CaseReport> {
  const harness = await ScratchHarness.open(subject);
  try {
    await untilUsable(harness.transport);
    for (const conformanceCase of conformanceCases) {
      const report = await untilAborted(examine(conformanceCase, harness), observer.signal);
      if (report === undefined) return;
      yield report;
    }
  } finally {
    for (const leftover of await harness.close()) observer.onLeftover(leftover);
  }
}

/** An adapter opens without waiting for its broker. */
async function untilUsable(transport: Transport): Promise<void> {
  const deadline = Date.now() + VERIFY_REACH_MS_MAX;
  for (;;) {
    try {
      return await inTime(transport.check(), "the connection", VERIFY_REACH_MS_MAX);
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await pause(TRY_EVERY);
    }
  }
}

async function examine(conformanceCase: ConformanceCase, harness: ScratchHarness): Promise<CaseReport> {
  const { id, title, gate } = conformanceCase;
  harness.takeRead();
  const declared = gate === undefined || gate(harness.transport.capabilities);
  const report = (observed: boolean | undefined, reason?: string): CaseReport => ({
    id,
    title,
    capabilities: harness.takeRead(),
    declared,
    observed,
    reason,
  });
  try {
    const outcome = await inTime(runCase(conformanceCase, harness), id, VERIFY_CASE_MS_MAX);
    return report(outcome === "skipped" ? undefined : declared);
  } catch (error) {
    return report(!declared, error instanceof Error ? error.message : String(error));
  }
}

/** What the work answers, or undefined as soon as the signal is aborted. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const end = (): void => resolve(undefined);
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  try {
    return await Promise.race([promise, work]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
