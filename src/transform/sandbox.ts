/**
 * JSONata in a world of its own: a V8 context whose globals are those of the language and nothing of Node's, in which no
 * code can be made from strings. JSONata itself gives expressions no way out; its past defects (CVE-2024-27307,
 * CVE-2026-12208) let them reach prototypes of the program around it. Only strings and numbers cross the border, so there
 * is nothing of the program that they could reach.
 *
 * An evaluation is asynchronous in JSONata, and yet ends before `evaluate` returns: the context has a queue of its own for
 * what is to be done later, which is emptied as a part of the script, and within its time limit.
 */
import { readFileSync } from "node:fs";
import { constants, createContext, Script } from "node:vm";
import { TRANSFORM_DEPTH_MAX, TRANSFORM_MS_MAX, TRANSFORM_SEQUENCE_MAX } from "../limits.ts";

/** A compiled expression, in the context's world. */
type Compiled = (event: string) => Promise<string | undefined>;

/** What the context's side offers. */
interface Inside {
  /** Throws an error of JSONata. */
  compile(expression: string, depth: number, items: number): Compiled;
  prepare(compiled: Compiled, event: string): void;
  /** What the last run came to; undefined when it did not end. */
  outcome(): { readonly result: string | undefined } | { readonly error: unknown } | undefined;
}

/** JSONata looks for the two base64 functions at `window`; they must not show the ones of Node, or their errors. */
const INSIDE = `(function (encode, decode) {
  const guarded = (convert) => (text) => {
    try { return convert(String(text)); } catch { throw new Error("is no text that base64 can be made of, or no base64"); }
  };
  globalThis.window = { btoa: guarded(encode), atob: guarded(decode) };
  let job;
  let outcome;
  globalThis.run = () => {
    job().then((result) => { outcome = { result }; }, (error) => { outcome = { error }; });
  };
  return {
    compile(expression, stack, sequence) {
      const compiled = window.jsonata(expression, { stack, sequence });
      return (event) => compiled.evaluate(JSON.parse(event)).then((result) => JSON.stringify(result));
    },
    prepare(compiled, event) {
      outcome = undefined;
      job = async () => compiled(event);
    },
    outcome: () => outcome,
  };
})`;

/** Of the time limit, in CPU time: whoever got less hardly ran. What does not end gets more, even if many compete. */
const STARVED_SHARE = 0.02;

/** The time limit was reached: the sandbox has things half done, and must not be used again. */
export class OutOfTime extends Error {
  /** The machine was busy with others, or stood still. */
  readonly isStarved: boolean;

  constructor(message: string, isStarved: boolean) {
    super(message);
    this.isStarved = isStarved;
  }
}

export class Sandbox {
  readonly #context = createContext(constants.DONT_CONTEXTIFY, {
    codeGeneration: { strings: false, wasm: false },
    microtaskMode: "afterEvaluate",
  });
  readonly #inside: Inside;
  readonly #run = new Script("run()");

  constructor() {
    const open = new Script(INSIDE).runInContext(this.#context) as (encode: typeof btoa, decode: typeof atob) => Inside;
    this.#inside = open(btoa, atob);
    const library = new URL(import.meta.resolve("jsonata"));
    new Script(readFileSync(library, "utf8"), { filename: library.pathname }).runInContext(this.#context);
  }

  /** Throws an error of JSONata; `problemOf` has it in words. */
  compile(expression: string): Compiled {
    return this.#inside.compile(expression, TRANSFORM_DEPTH_MAX, TRANSFORM_SEQUENCE_MAX);
  }

  /**
   * What the expression makes of an event, both as JSON; undefined for nothing. Throws `OutOfTime`, or an error of
   * JSONata.
   */
  evaluate(compiled: Compiled, event: string): string | undefined {
    this.#inside.prepare(compiled, event);
    const before = process.cpuUsage();
    try {
      this.#run.runInContext(this.#context, { timeout: TRANSFORM_MS_MAX });
    } catch (error) {
      const isTimeout = (error as NodeJS.ErrnoException | undefined)?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
      if (!isTimeout) throw error;
      const { user, system } = process.cpuUsage(before);
      const isStarved = (user + system) / 1_000 < TRANSFORM_MS_MAX * STARVED_SHARE;
      throw new OutOfTime(`it took longer than ${TRANSFORM_MS_MAX} ms`, isStarved);
    }
    const outcome = this.#inside.outcome();
    if (outcome === undefined) throw new OutOfTime("it never came to an end", false);
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  }
}

/** What JSONata says about an error, and where in the expression it is. */
export function problemOf(error: unknown): string {
  const { message, position } = (typeof error === "object" && error !== null ? error : {}) as Readonly<
    Record<string, unknown>
  >;
  const text = typeof message === "string" && message !== "" ? message : "an error without a message";
  return typeof position === "number" ? `${text} (at character ${position})` : text;
}
