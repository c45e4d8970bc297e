/**
 * Routes replies: the event that a webhook answers with is published before the delivery counts as done (Knative
 * data-plane specification, "Event reply contract"; behaviours DP11 to DP14, RT5, RT8).
 *
 *   the sink answered                                  becomes
 *   ------------------------------------------------   ------------------------------------------------------------
 *   2xx with an event, in binary or structured mode    published to the reply topic, then what the answer means
 *   2xx without an event, whatever its body            what the answer means
 *   202, whatever it carries                           delivered: the specification forbids to route it
 *   2xx with something that is nearly an event         a failed attempt: `reply`
 *   2xx with an event that can't be published          a failed attempt; the sink gets the event again
 *   anything else                                      what it means
 *
 * A reply has passed the places that its request has passed, so a pair of services that answer each other's replies ends
 * like any other loop.
 */
import { PulsebusError } from "../errors.ts";
import type { Event } from "../event/event.ts";
import { type DecodeOptions, decodeHttp } from "../event/http.ts";
import { isCloudEventsMediaType } from "../event/media-type.ts";
import { RESPONSE_BYTES_MAX } from "../limits.ts";
import { withPlacesOf } from "./bridge-via.ts";
import type { Delivery, Sink, SinkAnswer, SinkResult } from "./port.ts";

export interface ReplySinkOptions {
  /** A webhook that hands out what it is answered. */
  readonly sink: Sink;
  /** The reply topic. */
  readonly replies: Sink;
  readonly decoding: DecodeOptions;
}

export function openReplySink(options: ReplySinkOptions): Sink {
  return new ReplySink(options);
}

const ABORTED: SinkResult = { kind: "aborted" };
const ACCEPTED = 202;

class ReplySink implements Sink {
  readonly #options: ReplySinkOptions;

  constructor(options: ReplySinkOptions) {
    this.#options = options;
  }

  async deliver(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly SinkResult[]> {
    const results = await this.#options.sink.deliver(deliveries, signal);
    return Promise.all(deliveries.map((delivery, index) => this.#route(delivery, results[index] ?? ABORTED, signal)));
  }

  async close(): Promise<void> {
    await Promise.all([this.#options.sink.close(), this.#options.replies.close()]);
  }

  async #route(delivery: Delivery, result: SinkResult, signal: AbortSignal): Promise<SinkResult> {
    if (result.kind !== "response" || result.answer === undefined || result.status === ACCEPTED) return result;
    let reply: Event | undefined;
    try {
      reply = readReply(result.answer, this.#options.decoding);
    } catch (error) {
      if (!(error instanceof PulsebusError)) throw error;
      return failed(`the sink answered ${result.status} with a reply that is no event: ${error.message}`);
    }
    return reply === undefined ? result : this.#publish(reply, delivery, result, signal);
  }

  async #publish(reply: Event, delivery: Delivery, result: SinkResult, signal: AbortSignal): Promise<SinkResult> {
    const { id, attempt, event } = delivery;
    const [published = ABORTED] = await this.#options.replies.deliver(
      [{ id, attempt, event: withPlacesOf(event, reply) }],
      signal,
    );
    if (published.kind === "stored") return result;
    if (published.kind === "failure") return { ...published, message: unpublished(published.message) };
    const isRejected = published.kind === "refused" && published.reason === "rejected";
    return isRejected ? failed(unpublished(published.message)) : published;
  }
}

/** The event that an answer carries, or undefined when nothing in it says that it does. Throws for one that is none. */
function readReply({ headers, body }: SinkAnswer, decoding: DecodeOptions): Event | undefined {
  if (!claimsEvent(headers)) return undefined;
  if (body === undefined) throw new PulsebusError("too-large", `it is longer than ${RESPONSE_BYTES_MAX} bytes`);
  const { mode, events } = decodeHttp(headers, body.length === 0 ? undefined : body, decoding);
  if (mode === "batch") throw new PulsebusError("unsupported-media-type", "it is a batch, and a reply is one event");
  return events[0];
}

/** Most webhooks answer `OK` or some JSON: only attributes, or the media type of an event, speak for a reply. */
function claimsEvent(headers: readonly string[]): boolean {
  return headers.some((text, index) => {
    if (index % 2 === 1) return false;
    const name = text.toLowerCase();
    return name.startsWith("ce-") || (name === "content-type" && isCloudEventsMediaType(headers[index + 1] ?? ""));
  });
}

function failed(message: string): SinkResult {
  return { kind: "failure", error: "reply", message };
}

function unpublished(message: string): string {
  return `the reply could not be published: ${message}`;
}
