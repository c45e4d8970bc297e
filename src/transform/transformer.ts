/**
 * Transformations: a JSONata expression (jsonata.org) sees an event in the CloudEvents JSON format (`{ "id": ..., "type":
 * ..., "data": ... }`, `data_base64` for bytes) and gives an object of what it sets. Each member is an attribute, or
 * `data`; null removes an attribute; what is not named stays as it is, down to the bytes. `specversion`, `id` and `source`
 * can't be changed. The outcome is held to the same rules as any event that is published.
 */
import { PulsebusError } from "../errors.ts";
import { attributeOf, type Data, type Event } from "../event/event.ts";
import { decodeStructured, encodeStructured } from "../event/json.ts";
import { TRANSFORM_BYTES_MAX, TRANSFORM_WAIT_MS_MAX } from "../limits.ts";
import { faultAt } from "../pointer.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { Evaluator } from "./evaluator.ts";
import type { Answer } from "./messages.ts";

export type Transformed =
  | { readonly kind: "transformed"; readonly event: Event }
  /** For this event the expression has no outcome, and will have none: `message` says why. */
  | { readonly kind: "failed"; readonly message: string }
  /** It was not evaluated: there was no process, or no turn in time. Trying again makes sense. */
  | { readonly kind: "unavailable"; readonly message: string }
  | { readonly kind: "aborted" };

export interface Transformer {
  /** Throws `invalid-request` at `at` for what is no JSONata expression, `unavailable` where that can't be told. */
  check(expression: string, at: string): Promise<void>;
  /** Never rejects. May be called concurrently; waits for its turn for `timeoutMs` at most. */
  apply(expression: string, event: Event, wait: { timeoutMs: number; signal: AbortSignal }): Promise<Transformed>;
  close(): Promise<void>;
}

/** Starts nothing until it is used. */
export function openTransformer(clock: Clock, logger: Logger): Transformer {
  return new ProcessTransformer(clock, logger);
}

const ABORTED: Transformed = { kind: "aborted" };

class ProcessTransformer implements Transformer {
  readonly #clock: Clock;
  readonly #evaluator: Evaluator;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#evaluator = new Evaluator(clock, logger);
  }

  async check(expression: string, at: string): Promise<void> {
    const reply = await this.#evaluator.ask({ expression, document: undefined }, new AbortController().signal);
    if (reply.kind === "failed") throw faultAt("invalid-request", at, reply.problem);
    if (reply.kind === "unavailable")
      throw faultAt("unavailable", at, `can't be checked: the transformation ${reply.problem}`);
  }

  async apply(
    expression: string,
    event: Event,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<Transformed> {
    const document = encodeStructured(event);
    if (document.length > TRANSFORM_BYTES_MAX) {
      return failed(`takes events of ${TRANSFORM_BYTES_MAX} bytes at most, and this one has ${document.length}`);
    }
    const reply = await this.#ask(expression, document, Math.min(timeoutMs, TRANSFORM_WAIT_MS_MAX), signal);
    return "document" in reply ? eventOf(reply, event) : reply;
  }

  close(): Promise<void> {
    return this.#evaluator.close();
  }

  /** Ends by the timeout and the signal, whatever the process does. */
  async #ask(
    expression: string,
    document: Uint8Array,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<Transformed | Extract<Answer, { kind: "transformed" }>> {
    if (signal.aborted) return ABORTED;
    const ended = Promise.withResolvers<Transformed>();
    const withdrawal = new AbortController();
    const end = (outcome: Transformed): void => {
      withdrawal.abort();
      ended.resolve(outcome);
    };
    const abort = (): void => end(ABORTED);
    signal.addEventListener("abort", abort, { once: true });
    const cancelTimer = this.#clock.timer(waitMs, () => {
      end({ kind: "unavailable", message: `the transformation did not get its turn within ${waitMs} ms` });
    });
    const asked = this.#evaluator.ask({ expression, document }, withdrawal.signal).then(outcomeOf);
    try {
      return await Promise.race([asked, ended.promise]);
    } finally {
      cancelTimer();
      signal.removeEventListener("abort", abort);
    }
  }
}

function outcomeOf(reply: Answer): Transformed | Extract<Answer, { kind: "transformed" }> {
  switch (reply.kind) {
    case "transformed":
      return reply;
    case "compiled":
      throw new Error("the process compiled an expression that an event was sent with");
    case "failed":
      return failed(reply.problem);
    case "unavailable":
      return { kind: "unavailable", message: `the transformation ${reply.problem}` };
  }
}

const STRICT = { strict: true, leniency: () => undefined };

function eventOf({ document, setsData }: Extract<Answer, { kind: "transformed" }>, original: Event): Transformed {
  try {
    const event = decodeStructured(Buffer.from(document), STRICT);
    if (setsData) return { kind: "transformed", event };
    return { kind: "transformed", event: { ...event, data: keptData(event, original), structured: undefined } };
  } catch (error) {
    if (!(error instanceof PulsebusError)) throw error;
    return failed(`gives no valid event: ${error.message}`);
  }
}

/** The same bytes; what kind they are hung on the content type, so under another one they are just bytes. */
function keptData(event: Event, { data, ...original }: Event): Data | undefined {
  if (data === undefined) return undefined;
  const before = original.attributes.find(({ name }) => name === "datacontenttype")?.value;
  return attributeOf(event, "datacontenttype") === before ? data : { kind: "binary", bytes: data.bytes };
}

function failed(problem: string): Extract<Transformed, { kind: "failed" }> {
  return { kind: "failed", message: `the transformation ${problem}` };
}
