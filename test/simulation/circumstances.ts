/**
 * What surrounds the simulated ports of one process: time, delays, faults, and the end of the process. The transport
 * conformance suite runs the simulated transport under calm circumstances in real time.
 */
import type { Way } from "./store/memory-store.ts";

/** `fail`: nothing happens and the caller is told. A crash comes before the call takes effect, or before its answer. */
export type Verdict = "pass" | "fail" | "crash before" | "crash after";

/** What can go wrong besides calls that fail. Each is rolled for wherever it could happen. */
export type Mishap =
  | "publish without answer"
  | "event of a batch refused"
  | "ack lost"
  | "session lost"
  | "receive rejected";

export interface Circumstances {
  now(): number;
  after(delayMs: number, run: () => void): void;
  /** An effect on the world that is under way: it happens after a while, or perhaps when the process crashes. */
  effect(run: () => void): void;
  latencyMs(): number;
  verdict(call: string): Verdict;
  strikes(mishap: Mishap): boolean;
  /** In [0, 1). */
  random(): number;
  /** False after the end of the process: what still runs of it has no effect. */
  readonly isAlive: boolean;
  crash(): void;
  say(line: string): void;
}

/** The way of all calls of one port. Those that are `inOrder` are answered in the order in which they took effect. */
export function wayOf(
  circumstances: Circumstances,
  port: string,
  failure: (call: string) => Error,
  inOrder: (call: string) => boolean = () => false,
): Way {
  let answered: Promise<void> = Promise.resolve();
  const turnOf = (call: string): { readonly before: Promise<void>; readonly end: () => void } => {
    if (!inOrder(call)) return { before: Promise.resolve(), end: () => undefined };
    const before = answered;
    const { promise, resolve: end } = Promise.withResolvers<void>();
    answered = promise;
    return { before, end };
  };
  return (call, about, run) =>
    new Promise((resolve, reject) => {
      if (!circumstances.isAlive) return;
      const site = `${port}.${call}`;
      const verdict = circumstances.verdict(site);
      circumstances.say(`${site} ${about.join(" ")}${verdict === "pass" ? "" : `: ${verdict}`}`);
      if (verdict === "crash before") return circumstances.crash();
      if (verdict === "fail") return circumstances.after(circumstances.latencyMs(), () => reject(failure(site)));
      circumstances.effect(() => {
        const answer = attempt(run);
        circumstances.say(`${site} done`);
        if (verdict === "crash after") return circumstances.crash();
        const turn = turnOf(call);
        circumstances.after(circumstances.latencyMs(), async () => {
          await turn.before;
          if ("error" in answer) reject(answer.error);
          else resolve(answer.value);
          turn.end();
        });
      });
    });
}

function attempt<T>(run: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
}
