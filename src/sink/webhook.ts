/** Delivers by HTTP: one POST for each event (CloudEvents HTTP binding, binary or structured), or one for a batch. HOT PATH. */
import { attributeOf, type Event } from "../event/event.ts";
import { type EncodedHttp, encodeHttpBinary, encodeHttpStructured } from "../event/http.ts";
import { BatchSink } from "./batch.ts";
import type { Delivery, Sink, SinkResult } from "./port.ts";
import { WebhookClient, type WebhookOptions } from "./webhook-client.ts";

/** Throws `invalid-request` for a URL that no request can be sent to. */
export function openWebhookSink(options: WebhookOptions): Sink {
  const { policy } = options.subscription;
  if (policy.format === "batch")
    return new BatchSink(new WebhookClient(options, true), policy.timeoutMs, options.clock);
  const encode = policy.format === "binary" ? encodeHttpBinary : encodeHttpStructured;
  return new WebhookSink(new WebhookClient(options, options.wantsReply), encode);
}

/** W3C Trace Context §3.2: anything else would be sent as a header that its readers must ignore. */
const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
/** W3C Trace Context §3.3.1: printable ASCII. */
const TRACESTATE = /^[\x20-\x7e]*$/;

class WebhookSink implements Sink {
  readonly #client: WebhookClient;
  readonly #encode: (event: Event) => EncodedHttp;

  constructor(client: WebhookClient, encode: (event: Event) => EncodedHttp) {
    this.#client = client;
    this.#encode = encode;
  }

  async deliver(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly SinkResult[]> {
    const [first] = deliveries;
    if (first !== undefined && deliveries.length === 1) return [await this.#post(first, signal)];
    return Promise.all(deliveries.map((delivery) => this.#post(delivery, signal)));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #post({ event, attempt }: Delivery, signal: AbortSignal): Promise<SinkResult> {
    const encoded = this.#encode(event);
    pushTraceContext(encoded.headers, event);
    return this.#client.post(encoded, attempt, signal);
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
