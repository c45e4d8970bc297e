/** Goal: what each result of an attempt means. Method: the table of `src/delivery/decide.ts`, row by row. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AttemptFacts, decide } from "../../../src/delivery/decide.ts";
import type { SinkResult } from "../../../src/sink/port.ts";
import { resolveSubscription } from "../../../src/subscription/resolve.ts";
import type { DeliveryInput, RetryPolicy } from "../../../src/subscription/subscription.ts";

const NOW = 1_000_000;
const FIRST: AttemptFacts = { attempts: 1, firstAttemptAt: NOW, now: NOW };

function policyOf(retry: DeliveryInput["retry"] = {}): RetryPolicy {
  const input = { topic: "t", sink: "http://sink.example/", delivery: { retry } };
  return resolveSubscription(input, { id: () => "s" }).policy.retry;
}

function response(status: number, retryAfterMs?: number): SinkResult {
  return { kind: "response", status, retryAfterMs, excerpt: "" };
}

const always = (value: number) => () => value;

describe("the outcome table", () => {
  const policy = policyOf();

  it.each([200, 201, 202, 204, 206, 299])("takes %i as delivered", (status) => {
    expect(decide(response(status), FIRST, policy, always(0.5)).kind).toBe("delivered");
  });

  it.each([301, 302, 307, 401, 403, 404, 407, 408, 409, 425, 429, 500, 501, 502, 503, 504, 599])(
    "tries again after %i",
    (status) => {
      expect(decide(response(status), FIRST, policy, always(0.5)).kind).toBe("retry");
    },
  );

  it.each([400, 402, 405, 406, 411, 412, 413, 414, 415, 417, 418, 421, 422, 423, 426, 428, 431, 451])(
    "rejects at once after %i",
    (status) => {
      expect(decide(response(status), FIRST, policy, always(0.5))).toMatchObject({
        kind: "dead",
        reason: "rejected",
        pause: undefined,
      });
    },
  );

  it("rejects after 410 and asks for the subscription to be paused", () => {
    const decision = decide(response(410), FIRST, policy, always(0.5));
    expect(decision).toMatchObject({ kind: "dead", reason: "rejected", pause: expect.stringContaining("410") });
  });

  it.each(["connection", "timeout", "egress-refused", "transport"] as const)(
    "tries again after a failure: %s",
    (error) => {
      expect(decide({ kind: "failure", error, message: "m" }, FIRST, policy, always(0.5))).toMatchObject({
        kind: "retry",
        error: `${error}: m`,
      });
    },
  );

  it("takes what a topic stored as delivered", () => {
    expect(decide({ kind: "stored" }, FIRST, policy, always(0.5)).kind).toBe("delivered");
  });

  it("drops an event whose target it has passed already", () => {
    expect(decide({ kind: "loop" }, FIRST, policy, always(0.5)).kind).toBe("loop-dropped");
  });

  it("dead-letters an event with too many hops as a loop", () => {
    const refused = { kind: "refused", reason: "loop", message: "9 places" } as const;
    expect(decide(refused, FIRST, policy, always(0.5))).toMatchObject({ kind: "dead", reason: "loop" });
  });

  it("dead-letters an event that the transformation has no outcome for", () => {
    const refused = { kind: "refused", reason: "transform", message: "the transformation gives nothing" } as const;
    expect(decide(refused, FIRST, policy, always(0.5))).toMatchObject({
      kind: "dead",
      reason: "transform",
      detail: "the transformation gives nothing",
    });
  });

  it("counts an attempt that a shutdown cut off as none", () => {
    expect(decide({ kind: "aborted" }, FIRST, policy, always(0.5)).kind).toBe("interrupted");
  });

  it("follows retryOn when the subscription sets it", () => {
    const only503 = policyOf({ retryOn: ["503"] });
    expect(decide(response(503), FIRST, only503, always(0.5)).kind).toBe("retry");
    expect(decide(response(500), FIRST, only503, always(0.5)).kind).toBe("dead");
    expect(decide(response(404), FIRST, only503, always(0.5)).kind).toBe("dead");
  });
});

describe("the limits of retrying", () => {
  it("gives up as exhausted at maxAttempts and says which limit it was", () => {
    const policy = policyOf({ maxAttempts: 3 });
    expect(decide(response(500), { ...FIRST, attempts: 2 }, policy, always(0.5)).kind).toBe("retry");
    expect(decide(response(500), { ...FIRST, attempts: 3 }, policy, always(0.5))).toMatchObject({
      kind: "dead",
      reason: "exhausted",
      detail: expect.stringContaining("maxAttempts"),
    });
  });

  it("gives up as exhausted at maxAge since the first attempt", () => {
    const policy = policyOf({ maxAge: "1m" });
    const facts = { attempts: 2, firstAttemptAt: NOW - 60_000, now: NOW };
    expect(decide(response(500), facts, policy, always(0.5))).toMatchObject({
      kind: "dead",
      reason: "exhausted",
      detail: expect.stringContaining("maxAge"),
    });
  });

  it("makes the last attempt when the age is reached instead of waiting past it", () => {
    const policy = policyOf({ maxAge: "1m", backoff: { initial: "10m", max: "10m", jitter: "none" } });
    const facts = { attempts: 1, firstAttemptAt: NOW - 1_000, now: NOW };
    expect(decide(response(500), facts, policy, always(0.5))).toMatchObject({ kind: "retry", dueAt: NOW + 59_000 });
  });
});

describe("the wait before the next attempt", () => {
  const exact = policyOf({ backoff: { initial: "1s", factor: 2, max: "10s", jitter: "none" } });

  it.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
    [5, 10_000],
    [150, 10_000],
  ])("after attempt %i is %i ms without jitter", (attempts, waitMs) => {
    expect(decide(response(500), { ...FIRST, attempts }, exact, always(0.5))).toMatchObject({ dueAt: NOW + waitMs });
  });

  it("is anywhere between nothing and the full back-off with full jitter", () => {
    const policy = policyOf({ backoff: { initial: "1s", factor: 2, max: "10s", jitter: "full" } });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(random, fc.integer({ min: 1, max: 190 }), (value, attempts) => {
        const decision = decide(response(500), { ...FIRST, attempts }, policy, always(value));
        const cap = Math.min(10_000, 1_000 * 2 ** (attempts - 1));
        expect(decision).toMatchObject({ kind: "retry", dueAt: NOW + Math.round(cap * value) });
      }),
    );
  });

  it.each([429, 503])("is what Retry-After wishes on %i when that is longer", (status) => {
    expect(decide(response(status, 30_000), FIRST, exact, always(0.5))).toMatchObject({ dueAt: NOW + 30_000 });
    expect(decide(response(status, 10), FIRST, exact, always(0.5))).toMatchObject({ dueAt: NOW + 1_000 });
  });

  it("ignores Retry-After on other statuses", () => {
    expect(decide(response(500, 30_000), FIRST, exact, always(0.5))).toMatchObject({ dueAt: NOW + 1_000 });
  });

  it("bounds Retry-After by maxAge", () => {
    const policy = policyOf({ maxAge: "1m", backoff: { initial: "1s", factor: 2, max: "10s", jitter: "none" } });
    expect(decide(response(503, 3_600_000), FIRST, policy, always(0.5))).toMatchObject({ dueAt: NOW + 60_000 });
  });
});
