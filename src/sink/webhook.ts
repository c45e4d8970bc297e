/** Delivers by HTTP: one POST for each event (CloudEvents HTTP binding, binary or structured). HOT PATH. */
import type { Destination } from "../egress/destination.ts";
import type { Egress } from "../egress/egress.ts";
import type { EgressResult } from "../egress/result.ts";
import { attributeOf, type Event } from "../event/event.ts";
import { type EncodedHttp, encodeHttpBinary, encodeHttpStructured } from "../event/http.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { Delivery, Sink, SinkResult } from "./port.ts";
import { parseRetryAfter } from "./retry-after.ts";

export interface WebhookOptions {
  /** Where to send; differs from the subscription's own sink for its dead letters. */
  readonly url: string;
  readonly subscription: Subscription;
  readonly egress: Egress;
  readonly clock: Clock;
  /** The version of Pulsebus, for `User-Agent`. */
  readonly version: string;
  readonly counters: WebhookCounters;
  /** Ask for a reply (`Prefer: reply`, as Knative does), and hand out what the sink answers. */
  readonly wantsReply: boolean;
}

/** Plain fields, read when metrics are scraped. */
export interface WebhookCounters {
  /** `Retry-After` headers that were neither seconds nor a date. */
  retryAfterIgnored: number;
}

/** Throws `invalid-request` for a URL that no request can be sent to. */
export function openWebhookSink(options: WebhookOptions): Sink {
  return new WebhookSink(options);
}

/** W3C Trace Context §3.2: anything else would be sent as a header that its readers must ignore. */
const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
/** W3C Trace Context §3.3.1: printable ASCII. */
const TRACESTATE = /^[\x20-\x7e]*$/;

class WebhookSink implements Sink {
  readonly #options: WebhookOptions;
  readonly #destination: Destination;
  readonly #encode: (event: Event) => EncodedHttp;
  readonly #timeoutMs: number;
  /** What is the same in every request. */
  readonly #headers: readonly string[];

  constructor(options: WebhookOptions) {
    const { id, policy } = options.subscription;
    this.#options = options;
    this.#destination = options.egress.destination(options.url);
    this.#encode = policy.format === "binary" ? encodeHttpBinary : encodeHttpStructured;
    this.#timeoutMs = policy.timeoutMs;
    this.#headers = [
      ...["User-Agent", `Pulsebus/${options.version}`],
      ...["Pulsebus-Subscription", id],
      ...Object.entries(policy.headers).flat(),
      ...(options.wantsReply ? ["Prefer", "reply"] : []),
    ];
  }

  async deliver(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly SinkResult[]> {
    const [first] = deliveries;
    if (first !== undefined && deliveries.length === 1) return [this.#resultOf(await this.#send(first, signal))];
    return Promise.all(deliveries.map(async (delivery) => this.#resultOf(await this.#send(delivery, signal))));
  }

  async close(): Promise<void> {
    this.#destination.close();
  }

  #send({ event, attempt }: Delivery, signal: AbortSignal): Promise<EgressResult> {
    const { headers, body } = this.#encode(event);
    headers.push(...this.#headers, "Pulsebus-Attempt", String(attempt));
    pushTraceContext(headers, event);
    const request = { method: "POST", headers, body, timeoutMs: this.#timeoutMs } as const;
    return this.#destination.request({ ...request, keepAnswer: this.#options.wantsReply }, signal);
  }

  #resultOf(result: EgressResult): SinkResult {
    if (result.kind === "unsendable") return { kind: "refused", reason: "rejected", message: result.message };
    if (result.kind !== "response") return result;
    const { status, excerpt, retryAfter, answer } = result;
    const retryAfterMs = retryAfter === undefined ? undefined : this.#retryAfterMs(retryAfter);
    return { kind: "response", status, retryAfterMs, excerpt, ...(answer && { answer }) };
  }

  #retryAfterMs(text: string): number | undefined {
    const { clock, counters } = this.#options;
    const ms = parseRetryAfter(text, clock.now());
    if (ms === undefined) counters.retryAfterIgnored += 1;
    return ms;
  }
}

/**
 * The event's own trace context (extension "Distributed Tracing") goes on as that of this hop; the attribute itself is
 * sent with the others, untouched.
 */
function pushTraceContext(headers: string[], event: Event): void {
  const traceparent = attributeOf(event, "traceparent");
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return;
  headers.push("traceparent", traceparent);
  const tracestate = attributeOf(event, "tracestate");
  if (tracestate !== undefined && TRACESTATE.test(tracestate)) headers.push("tracestate", tracestate);
}
