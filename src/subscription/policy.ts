/** The delivery policy that a subscription has when it says nothing else, as users write it. */
import {
  BATCH_REQUEST_BYTES_DEFAULT,
  DEAD_LETTERS_MAX_DEFAULT,
  KEY_WAITING_MAX_DEFAULT,
  PARKED_MAX_DEFAULT,
  SCHEDULED_MAX_DEFAULT,
} from "../limits.ts";
import type { DeliveryInput } from "./subscription.ts";

export const POLICY_DEFAULTS = {
  format: "binary",
  batch: { maxEvents: 100, maxBytes: BATCH_REQUEST_BYTES_DEFAULT, maxWait: "100ms" },
  ordering: "none",
  breaker: { failures: 20, maxPause: "5s" },
  weight: 1,
  maxInFlight: 64,
  timeout: "15s",
  retry: {
    maxAttempts: 200,
    maxAge: "24h",
    backoff: { initial: "1s", factor: 2, max: "15m", jitter: "full" },
    // Trouble of the sink that passes (408 to 5xx), and answers that speak of the sink and not of the event (the rest).
    retryOn: ["404", "408", "409", "425", "429", "5xx", "401", "403", "407", "3xx"],
  },
  headers: {},
  from: "latest",
  maxParked: PARKED_MAX_DEFAULT,
  maxScheduled: SCHEDULED_MAX_DEFAULT,
  maxDeadLetters: DEAD_LETTERS_MAX_DEFAULT,
} as const satisfies DeliveryInput;

/** What `ordering: key` stands for. */
export const ORDERING_DEFAULTS = {
  key: "partitionkey",
  onDeadLetter: "continue",
  maxWaiting: KEY_WAITING_MAX_DEFAULT,
} as const;
