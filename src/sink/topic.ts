/**
 * Delivers into another topic of the bus, on any transport: with loop protection, which is what a bridge is made of, or
 * unchanged into an archive, which nothing leads out of.
 */
import type { Event } from "../event/event.ts";
import type { Clock } from "../runtime/clock.ts";
import type { PublishResult, TransportError, TransportErrorCode } from "../transport/port.ts";
import { forward, type Hop } from "./bridge-via.ts";
import type { Delivery, Sink, SinkResult } from "./port.ts";

export interface ArchiveSinkOptions {
  /** Publishes to the target: one result per event, by index, after durable storage. Never rejects. */
  readonly publish: (events: readonly Event[]) => Promise<readonly PublishResult[]>;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface TopicSinkOptions extends ArchiveSinkOptions {
  /** The place of the subscription's own topic. */
  readonly sourcePlace: string;
  readonly targetPlace: string;
  /** Places that an event may have passed. */
  readonly maxHops: number;
}

export function openTopicSink(options: TopicSinkOptions): Sink {
  const { sourcePlace, targetPlace, maxHops } = options;
  return new TopicSink(options, { maxHops, hop: (event) => forward(event, sourcePlace, targetPlace, maxHops) });
}

export function openArchiveSink(options: ArchiveSinkOptions): Sink {
  return new TopicSink(options, { maxHops: Number.POSITIVE_INFINITY, hop: (event) => ({ kind: "forward", event }) });
}

interface Route {
  /** What becomes of an event on its way. */
  readonly hop: (event: Event) => Hop;
  readonly maxHops: number;
}

/** What the event itself or the permission to publish it is to blame for: trying again is in vain. */
const REFUSED: ReadonlySet<TransportErrorCode> = new Set(["invalid", "too_large", "permission_denied"]);
const ABORTED: SinkResult = { kind: "aborted" };
const STORED: SinkResult = { kind: "stored" };
const LOOP: SinkResult = { kind: "loop" };

/**
 * A publish can't be taken back. When it is aborted or times out its outcome is unknown, and the next attempt may store
 * the event twice; it never gets lost.
 */
class TopicSink implements Sink {
  readonly sharesCalls = true;
  readonly #options: ArchiveSinkOptions;
  readonly #route: Route;
  /** Ends the waits for publishes under way. */
  readonly #waits = new Set<(result: SinkResult) => void>();
  #closed = false;

  constructor(options: ArchiveSinkOptions, route: Route) {
    this.#options = options;
    this.#route = route;
  }

  async deliver(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly SinkResult[]> {
    if (signal.aborted || this.#closed) return deliveries.map(() => ABORTED);
    const hops = deliveries.map(({ event }) => this.#route.hop(event));
    const published = await this.#publish(
      hops.flatMap((hop) => (hop.kind === "forward" ? [hop.event] : [])),
      signal,
    );
    const results = published.values();
    return hops.map((hop) => {
      if (hop.kind === "loop") return LOOP;
      if (hop.kind === "too-far") return tooFar(hop.hops, this.#route.maxHops);
      return results.next().value ?? ABORTED;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const end of this.#waits) end(ABORTED);
  }

  /** Ends by the timeout, the signal or `close` when the target does not answer before. */
  #publish(events: readonly Event[], signal: AbortSignal): Promise<readonly SinkResult[]> {
    if (events.length === 0) return Promise.resolve([]);
    const { publish, clock, timeoutMs } = this.#options;
    return new Promise((resolve) => {
      const settle = (results: readonly SinkResult[]): void => {
        this.#waits.delete(endAll);
        cancelTimer();
        signal.removeEventListener("abort", abort);
        resolve(results);
      };
      const endAll = (result: SinkResult): void => settle(events.map(() => result));
      const abort = (): void => endAll(ABORTED);
      const cancelTimer = clock.timer(timeoutMs, () => endAll(timedOut(timeoutMs)));
      this.#waits.add(endAll);
      signal.addEventListener("abort", abort);
      void publish(events).then((results) => settle(results.map(resultOf)));
    });
  }
}

function resultOf(result: PublishResult): SinkResult {
  return result.ok ? STORED : failureOf(result.error);
}

function failureOf({ code, message, retryAfterSeconds }: TransportError): SinkResult {
  if (REFUSED.has(code)) return { kind: "refused", reason: "rejected", message };
  const retryAfter = retryAfterSeconds === undefined ? {} : { retryAfterMs: retryAfterSeconds * 1_000 };
  return { kind: "failure", error: "transport", message, ...retryAfter };
}

function timedOut(timeoutMs: number): SinkResult {
  return { kind: "failure", error: "timeout", message: `the topic did not confirm within ${timeoutMs} ms` };
}

function tooFar(hops: number, maxHops: number): SinkResult {
  return {
    kind: "refused",
    reason: "loop",
    message: `the event has passed ${hops} places, more than limits.maxHops (${maxHops})`,
  };
}
