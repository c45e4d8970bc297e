/**
 * Delivers what a transformation makes of each event. It stands in front of the subscription's sink: engine and sink know
 * nothing of it. Each attempt transforms anew, so rows hold the original event and a changed expression rules parked
 * deliveries too.
 */
import type { Event } from "../event/event.ts";
import type { Transformed, Transformer } from "../transform/transformer.ts";
import type { Delivery, Sink, SinkResult } from "./port.ts";

export interface TransformSinkOptions {
  readonly sink: Sink;
  readonly transformer: Transformer;
  readonly expression: string;
  /** How long an attempt waits for its turn. */
  readonly timeoutMs: number;
}

export function openTransformSink(options: TransformSinkOptions): Sink {
  return new TransformSink(options);
}

const ABORTED: SinkResult = { kind: "aborted" };

class TransformSink implements Sink {
  readonly #options: TransformSinkOptions;

  constructor(options: TransformSinkOptions) {
    this.#options = options;
  }

  async deliver(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly SinkResult[]> {
    const { sink, transformer, expression, timeoutMs } = this.#options;
    const outcomes = await Promise.all(
      deliveries.map(async (delivery) => ({
        delivery,
        transformed: await transformer.apply(expression, delivery.event, { timeoutMs, signal }),
      })),
    );
    const ready = outcomes.flatMap(({ delivery, transformed }) =>
      transformed.kind === "transformed" ? [new TransformedDelivery(delivery, transformed.event)] : [],
    );
    const results = (ready.length === 0 ? [] : await sink.deliver(ready, signal)).values();
    return outcomes.map(({ transformed }) => resultOf(transformed) ?? results.next().value ?? ABORTED);
  }

  close(): Promise<void> {
    return this.#options.sink.close();
  }
}

/** The same delivery, whose id is still only made when somebody asks for it. */
class TransformedDelivery implements Delivery {
  readonly event: Event;
  readonly #original: Delivery;

  constructor(original: Delivery, event: Event) {
    this.#original = original;
    this.event = event;
  }

  get id(): string {
    return this.#original.id;
  }

  get attempt(): number {
    return this.#original.attempt;
  }
}

/** Undefined where the sink has the result. */
function resultOf(transformed: Transformed): SinkResult | undefined {
  switch (transformed.kind) {
    case "transformed":
      return undefined;
    case "failed":
      return { kind: "refused", reason: "transform", message: transformed.message };
    case "unavailable":
      return { kind: "failure", error: "timeout", message: transformed.message };
    case "aborted":
      return ABORTED;
  }
}
