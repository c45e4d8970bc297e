/** The subscription: topic, filters, sink, delivery policy. What users write (`Input`) and what the engine runs. */
import type { Filter } from "../filter/filter.ts";
import type { Matcher } from "../transport/port.ts";

/** One filter as users write it: exactly one dialect, e.g. `{ "exact": { "type": "..." } }`, `{ "any": [ ... ] }`. */
type FilterInput = { readonly [dialect: string]: unknown };

/** The body of `POST /subscriptions`, or an entry of `subscriptions:` in the configuration file. */
export interface SubscriptionInput {
  readonly id?: string;
  readonly topic: string;
  /** `http://…`, `https://…`, `topic:NAME` or `pull:`. */
  readonly sink: string;
  /** The delivery protocol, as the CloudEvents Subscriptions API names it. */
  readonly protocol?: "HTTP";
  /** Exact event source. */
  readonly source?: string;
  readonly types?: readonly string[];
  readonly filters?: readonly FilterInput[];
  readonly delivery?: DeliveryInput;
  /** A JSONata expression; `src/transform/transformer.ts` says what it sees and sets. */
  readonly transform?: string;
  /** The topic that gets the events that the sink answers with. */
  readonly replies?: { readonly topic: string };
  /** RFC 3339: the subscription deletes itself then. A temporary subscription holds no retention back. */
  readonly expires?: string;
}

/** Durations are strings such as `250ms`, `15s`, `24h`. Defaults stand in `policy.ts`. */
export interface DeliveryInput {
  readonly format?: "binary" | "structured" | "batch";
  /** Of format `batch`. */
  readonly batch?: { readonly maxEvents?: number; readonly maxBytes?: number; readonly maxWait?: string };
  /** `key`: by the attribute `partitionkey`; or the attribute, what a dead letter does to those behind it, and how many may wait in the store. */
  readonly ordering?:
    | "none"
    | "key"
    | { readonly key?: string; readonly onDeadLetter?: "continue" | "block"; readonly maxWaiting?: number };
  readonly rateLimit?: { readonly perSecond: number; readonly burst?: number };
  readonly breaker?: { readonly failures?: number; readonly maxPause?: string };
  /** Starts in each round of turns between subscriptions. */
  readonly weight?: number;
  readonly maxInFlight?: number;
  readonly timeout?: string;
  readonly retry?: {
    readonly maxAttempts?: number;
    readonly maxAge?: string;
    readonly backoff?: {
      readonly initial?: string;
      readonly factor?: number;
      readonly max?: string;
      readonly jitter?: "full" | "none";
    };
    /** Statuses that are tried again: `"503"`, `"5xx"`. Connection errors and timeouts always are. */
    readonly retryOn?: readonly string[];
  };
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadLetter?: { readonly sink: string };
  readonly from?: "latest" | "earliest";
  readonly maxParked?: number;
  readonly maxScheduled?: number;
  readonly maxDeadLetters?: number;
}

export type SinkAddress =
  | { readonly kind: "webhook"; readonly url: string }
  | { readonly kind: "topic"; readonly topic: string }
  | { readonly kind: "pull" };

export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly maxAgeMs: number;
  readonly backoff: {
    readonly initialMs: number;
    readonly factor: number;
    readonly maxMs: number;
    readonly jitter: "full" | "none";
  };
  /** Whether a status that is neither 2xx nor 410 is tried again. */
  readonly retryOn: (status: number) => boolean;
}

export interface BatchPolicy {
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** How long a batch that is not full waits for more. */
  readonly maxWaitMs: number;
}

export interface OrderingPolicy {
  /** Events with the same value of it are delivered one after the other; those without it in no order. */
  readonly attribute: string;
  readonly onDeadLetter: "continue" | "block";
  /** Rows that wait behind another of their key. */
  readonly maxWaiting: number;
}

/** A token bucket. */
export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
}

export interface BreakerPolicy {
  /** Failures in a row that open it. */
  readonly failures: number;
  readonly maxPauseMs: number;
}

export interface DeliveryPolicy {
  readonly format: "binary" | "structured" | "batch";
  /** Undefined unless the format is `batch`. */
  readonly batch: BatchPolicy | undefined;
  /** Undefined: in no order. */
  readonly ordering: OrderingPolicy | undefined;
  readonly rateLimit: RateLimit | undefined;
  readonly breaker: BreakerPolicy;
  readonly weight: number;
  readonly maxInFlight: number;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly deadLetterSink: SinkAddress | undefined;
  readonly from: "latest" | "earliest";
  readonly maxParked: number;
  readonly maxScheduled: number;
  readonly maxDeadLetters: number;
}

/** A subscription as the engine runs it: validated, defaults applied, filters compiled. */
export interface Subscription {
  readonly id: string;
  readonly topic: string;
  readonly sink: SinkAddress;
  readonly matcher: Matcher;
  /** The part of the matcher that came from `filters`, for what it counted and what is odd about it. */
  readonly filter: Filter;
  readonly policy: DeliveryPolicy;
  /** What is delivered instead of the event; it compiles, which is checked where a subscription is accepted. */
  readonly transform: string | undefined;
  readonly replyTopic: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
  /** What the user wrote, with the id filled in: what the API shows. */
  readonly input: SubscriptionInput & { readonly id: string };
}
