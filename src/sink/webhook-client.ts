/** One request of a subscription to its webhook, and what its answer says. HOT PATH. */
import type { Destination } from "../egress/destination.ts";
import type { Egress } from "../egress/egress.ts";
import type { EgressResult } from "../egress/result.ts";
import type { EncodedHttp } from "../event/http.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { SinkResult } from "./port.ts";
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

export class WebhookClient {
  readonly #options: WebhookOptions;
  readonly #destination: Destination;
  readonly #timeoutMs: number;
  readonly #keepAnswer: boolean;
  /** What is the same in every request. */
  readonly #headers: readonly string[];

  /** Throws `invalid-request` for a URL that no request can be sent to. */
  constructor(options: WebhookOptions, keepAnswer: boolean) {
    const { id, policy } = options.subscription;
    this.#options = options;
    this.#destination = options.egress.destination(options.url);
    this.#timeoutMs = policy.timeoutMs;
    this.#keepAnswer = keepAnswer;
    this.#headers = [
      ...["User-Agent", `Pulsebus/${options.version}`],
      ...["Pulsebus-Subscription", id],
      ...Object.entries(policy.headers).flat(),
      ...(options.wantsReply ? ["Prefer", "reply"] : []),
    ];
  }

  async post({ headers, body }: EncodedHttp, attempt: number, signal: AbortSignal): Promise<SinkResult> {
    headers.push(...this.#headers, "Pulsebus-Attempt", String(attempt));
    const [timeoutMs, keepAnswer] = [this.#timeoutMs, this.#keepAnswer];
    const request = { method: "POST", headers, body, timeoutMs, keepAnswer } as const;
    return this.#resultOf(await this.#destination.request(request, signal));
  }

  async close(): Promise<void> {
    this.#destination.close();
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
