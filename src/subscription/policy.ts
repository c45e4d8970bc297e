/** The delivery policy that a subscription has when it says nothing else, as users write it. */
import { DEAD_LETTERS_MAX_DEFAULT, PARKED_MAX_DEFAULT } from "../limits.ts";
import type { DeliveryInput } from "./subscription.ts";

export const POLICY_DEFAULTS = {
  format: "binary",
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
  maxDeadLetters: DEAD_LETTERS_MAX_DEFAULT,
} as const satisfies DeliveryInput;
