/** What the API answers, as far as commands read it; `schemas/openapi.yaml` has all of it. Times are RFC 3339. */

export interface TopicResource {
  readonly name: string;
  readonly transport: string;
  readonly address: string;
  readonly strict: boolean;
  readonly retention: { readonly maxAge: string; readonly maxBytes: string };
  readonly holdBack: string;
  readonly whenFull: string;
  readonly origin: string;
  readonly state: string;
  readonly reason: string | null;
  readonly stats: {
    readonly events: number | null;
    readonly bytes: number | null;
    readonly oldestAt: string | null;
    readonly newestAt: string | null;
  };
}

export interface SubscriptionResource {
  readonly id: string;
  readonly topic: string;
  readonly sink: string;
  readonly types?: readonly string[];
  readonly source?: string;
  readonly filters?: readonly unknown[];
  readonly delivery?: object;
  readonly expires?: string;
  readonly origin: string;
  readonly warnings: readonly string[];
  readonly status: {
    readonly state: string;
    readonly reason: string | null;
    readonly backlog: number | null;
    readonly inFlight: number;
    readonly waiting: number;
    readonly parked: number;
    readonly scheduled: number;
    readonly breaker: string;
    readonly deadLetters: number;
    readonly delivered: number;
    readonly loopDropped: number;
    readonly filterErrors: number;
    readonly lastFilterError: string | null;
    readonly lastError: string | null;
    readonly lastAttemptAt: string | null;
  };
}

/** Dead letters, and parked deliveries as a trace shows them. */
export interface DeliveryResource {
  readonly id: string;
  readonly subscription: string;
  readonly state: "parked" | "dead";
  readonly attempts: number;
  readonly firstAttemptAt: string | null;
  readonly lastAttemptAt: string | null;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly lastResponse: string | null;
  readonly nextAttemptAt?: string | null;
  readonly reason?: string;
  readonly detail?: string | null;
  readonly diedAt?: string | null;
  readonly forwardedAt?: string | null;
  /** Null when what came was no CloudEvent; then `malformed` says what it was. */
  readonly event: { readonly id: string; readonly source: string; readonly type: string } | null;
  readonly malformed?: { readonly problem: string };
}

export interface AttemptResource {
  readonly number: number;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly outcome: string;
  readonly status: number | null;
  readonly error: string | null;
}

export interface DeliveryWithHistory extends DeliveryResource {
  readonly history: readonly AttemptResource[];
}

export interface ReplayResource {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly scanned: number;
  readonly matched: number;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

export interface TraceResource {
  /** Whether the whole log was searched. */
  readonly complete: boolean;
  readonly occurrences: readonly {
    readonly position: string;
    readonly storedAt: string | null;
    readonly deliveries: readonly TraceDelivery[];
  }[];
  /** Deliveries whose event is no longer in the log. */
  readonly rows: readonly DeliveryWithHistory[];
}

export interface TraceDelivery {
  readonly subscription: string;
  readonly state: string;
  readonly delivery: DeliveryWithHistory | null;
  readonly recent: { readonly attempt: number; readonly status: number | null; readonly at: string } | null;
}
