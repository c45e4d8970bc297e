/**
 * The Sink port: where a subscription delivers. A sink reports facts; what they mean (delivered, retry, dead letter) is
 * decided in one place, `src/delivery/decide.ts`.
 */
import type { Event } from "../event/event.ts";

export interface Delivery {
  /** Stable over all attempts: a hash of subscription and position. Computed on first use. */
  readonly id: string;
  readonly event: Event;
  /** 1 for the first attempt. */
  readonly attempt: number;
}

/** What a sink answered with a 2xx, where the subscription wants replies. */
export interface SinkAnswer {
  /** Names and values in turn, as latin1. */
  readonly headers: readonly string[];
  /** Undefined when it is longer than is read of an answer. */
  readonly body: Buffer | undefined;
}

/** What happened in one attempt. */
export type SinkResult =
  /** The sink answered. `retryAfterMs` is its wish, `excerpt` the first KiB of its body as text unless it is a 2xx. */
  | {
      readonly kind: "response";
      readonly status: number;
      readonly retryAfterMs: number | undefined;
      readonly excerpt: string;
      readonly answer?: SinkAnswer;
    }
  /** The sink did not answer: connection refused or lost, a timeout, a refused address, a transport's error. */
  | { readonly kind: "failure"; readonly error: SinkFailure; readonly message: string; readonly retryAfterMs?: number }
  /** A topic sink stored the event. */
  | { readonly kind: "stored" }
  /** A topic sink found the target's place among those the event has passed: not forwarded, on purpose. */
  | { readonly kind: "loop" }
  /** Refused for good: too many hops, too large or invalid on the target, no outcome of the transformation. */
  | { readonly kind: "refused"; readonly reason: "loop" | "rejected" | "transform"; readonly message: string }
  /** Who pulled it gave it back, or let its lock expire; to be tried again after the delay, or the back-off. */
  | { readonly kind: "released"; readonly delayMs: number | undefined; readonly message: string }
  /** The attempt was aborted by the signal: no failure of the sink. */
  | { readonly kind: "aborted" };

type SinkFailure = "connection" | "timeout" | "egress-refused" | "transport" | "response-too-large" | "reply";

/** Of a sink that takes only what it was asked for. */
export interface Demand {
  /** How many deliveries may start now. */
  readonly wanted: number;
  /** Calls back when that changed. */
  onChange(listener: () => void): void;
}

export interface Sink {
  /** Attempts that start in the same turn may share a call, which costs less; each has a result of its own all the same. */
  readonly sharesCalls?: boolean;
  /**
   * Makes one attempt for each delivery; one result each, by index. Never rejects, and ends by itself: by the
   * subscription's timeout, with a transformation before it after the wait for its turn, with a reply behind it after
   * another timeout. May be called concurrently. Abort ends it promptly with `aborted`.
   */
  deliver(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly SinkResult[]>;
  /** Frees connections that nobody else uses. Attempts under way are aborted. */
  close(): Promise<void>;
}
