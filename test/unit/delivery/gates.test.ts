import { describe, expect, it } from "vitest";
import { Breaker } from "../../../src/delivery/breaker.ts";
import { Pace } from "../../../src/delivery/pace.ts";
import { TokenBucket } from "../../../src/delivery/rate-limit.ts";
import { type Verdict, verdictOf } from "../../../src/delivery/verdict.ts";
import type { SinkResult } from "../../../src/sink/port.ts";

const OK: Verdict = { kind: "ok", retryAfterMs: 0 };
const DOWN: Verdict = { kind: "down", retryAfterMs: 0 };
const NONE: Verdict = { kind: "none", retryAfterMs: 0 };
const busy = (retryAfterMs = 0): Verdict => ({ kind: "busy", retryAfterMs });
const answer = (status: number, retryAfterMs?: number): SinkResult => ({
  kind: "response",
  status,
  retryAfterMs,
  excerpt: "",
});

describe("the verdict on a sink", () => {
  it.each<[SinkResult, Verdict["kind"]]>([
    [answer(204), "ok"],
    [{ kind: "stored" }, "ok"],
    [answer(429, 2_000), "busy"],
    [answer(503, 0), "busy"],
    [answer(503), "down"],
    [{ kind: "failure", error: "transport", message: "full", retryAfterMs: 100 }, "busy"],
    [answer(500), "down"],
    [answer(504), "down"],
    [{ kind: "failure", error: "connection", message: "refused" }, "down"],
    [answer(400), "refused"],
    [answer(404), "refused"],
    [{ kind: "refused", reason: "rejected", message: "too large" }, "refused"],
    [{ kind: "refused", reason: "loop", message: "too many hops" }, "none"],
    [{ kind: "loop" }, "none"],
    [{ kind: "aborted" }, "none"],
  ])("of %j is %s", (result, kind) => {
    expect(verdictOf([result]).kind).toBe(kind);
  });

  it("is good for a batch of which it took one event, else that of the first event", () => {
    expect(verdictOf([answer(500), answer(200)]).kind).toBe("ok");
    expect(verdictOf([{ kind: "aborted" }, answer(429, 5)])).toEqual(busy(5));
  });
});

describe("a circuit breaker", () => {
  const breaker = (): Breaker => new Breaker({ failures: 3, maxPauseMs: 3_000 }, ["down"]);

  function fail(subject: Breaker, times: number, now = 0): void {
    for (let n = 0; n < times; n += 1) {
      subject.started();
      subject.ended(DOWN, now);
    }
  }

  it("opens after so many failures in a row, not before", () => {
    const subject = breaker();
    fail(subject, 2);
    subject.ended(OK, 0);
    fail(subject, 2);
    expect(subject.state).toBe("closed");
    expect(subject.allowance(0)).toBe(Number.POSITIVE_INFINITY);
    fail(subject, 1);
    expect(subject.state).toBe("open");
    expect(subject.allowance(999)).toBe(0);
    expect(subject.opensAt()).toBe(1_000);
  });

  it("lets one probe through when its pause is over, and closes when that succeeds", () => {
    const subject = breaker();
    fail(subject, 3);
    expect(subject.allowance(1_000)).toBe(1);
    subject.started();
    expect(subject.state).toBe("half-open");
    expect(subject.allowance(1_000)).toBe(0);
    subject.ended(OK, 1_010);
    expect(subject.state).toBe("closed");
    expect(subject.allowance(1_010)).toBe(Number.POSITIVE_INFINITY);
  });

  it("doubles its pause with each probe that fails, up to the most", () => {
    const subject = breaker();
    fail(subject, 3);
    const pauses: number[] = [];
    for (let now = 1_000; pauses.length < 4; ) {
      expect(subject.allowance(now)).toBe(1);
      fail(subject, 1, now);
      const opensAt = subject.opensAt() ?? 0;
      pauses.push(opensAt - now);
      now = opensAt;
    }
    expect(pauses).toEqual([2_000, 3_000, 3_000, 3_000]);
  });

  it("starts with the short pause again after it was closed", () => {
    const subject = breaker();
    fail(subject, 3);
    subject.allowance(1_000);
    fail(subject, 1, 1_000);
    subject.allowance(3_000);
    subject.started();
    subject.ended(OK, 3_000);
    fail(subject, 3, 3_000);
    expect(subject.opensAt()).toBe(4_000);
  });

  it("leaves the probe to the next one when it says nothing about the sink", () => {
    const subject = breaker();
    fail(subject, 3);
    subject.allowance(1_000);
    subject.started();
    subject.ended(NONE, 1_000);
    expect(subject.allowance(1_000)).toBe(1);
  });

  it("is closed by an attempt that began before it opened and succeeds", () => {
    const subject = breaker();
    fail(subject, 3);
    subject.ended(OK, 500);
    expect(subject.state).toBe("closed");
  });

  it("tells its listeners when there may be something to gain, until they leave", () => {
    const subject = breaker();
    let told = 0;
    const leave = subject.onChange(() => {
      told += 1;
    });
    fail(subject, 3);
    subject.ended(OK, 0);
    expect(told).toBe(2);
    leave();
    fail(subject, 3);
    expect(told).toBe(2);
  });
});

describe("a rate limit", () => {
  it("allows a burst, then so many a second", () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0);
    let started = 0;
    for (let now = 0; now <= 1_000; now += 10) {
      while (bucket.allowance(now) >= 1) {
        bucket.started();
        started += 1;
      }
    }
    expect(started).toBe(3 + 10);
  });

  it("says when the next may start", () => {
    const bucket = new TokenBucket({ perSecond: 4, burst: 1 }, 0);
    bucket.started();
    expect(bucket.allowance(100)).toBe(0);
    expect(bucket.opensAt(100)).toBe(250);
    expect(bucket.allowance(250)).toBe(1);
  });

  it("allows fewer than one a second", () => {
    const bucket = new TokenBucket({ perSecond: 0.1, burst: 1 }, 0);
    bucket.started();
    expect(bucket.allowance(9_999)).toBe(0);
    expect(bucket.allowance(10_000)).toBe(1);
  });

  it("gives nothing for a clock that is set back", () => {
    const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, 10_000);
    bucket.started();
    expect(bucket.allowance(5_000)).toBe(0);
    expect(bucket.allowance(6_000)).toBe(1);
  });
});

describe("the pace of attempts", () => {
  function run(pace: Pace, count: number): void {
    for (let n = 0; n < count; n += 1) pace.started();
  }

  it("does not care while the sink is well", () => {
    const pace = new Pace(8);
    run(pace, 8);
    expect(pace.allowance(0)).toBe(Number.POSITIVE_INFINITY);
  });

  it("halves the attempts at once when the sink is busy, once for all that were under way", () => {
    const pace = new Pace(8);
    run(pace, 8);
    for (let n = 0; n < 8; n += 1) pace.ended(busy(), 0);
    expect(pace.allowance(0)).toBe(4);
    run(pace, 4);
    pace.ended(busy(), 0);
    expect(pace.allowance(0)).toBe(2 - 3);
  });

  it("never goes below one, and comes back with what succeeds", () => {
    const pace = new Pace(4);
    for (let n = 0; n < 10; n += 1) {
      pace.started();
      pace.ended(busy(), 0);
    }
    expect(pace.allowance(0)).toBe(1);
    let rounds = 0;
    while (pace.allowance(0) !== Number.POSITIVE_INFINITY) {
      pace.started();
      pace.ended(OK, 0);
      rounds += 1;
    }
    expect(rounds).toBeGreaterThan(4);
    expect(rounds).toBeLessThan(12);
  });

  it("leaves the sink alone for as long as it wishes, within bounds", () => {
    const pace = new Pace(4);
    pace.started();
    pace.ended(busy(2_000), 100);
    expect(pace.allowance(2_099)).toBe(0);
    expect(pace.opensAt(100)).toBe(2_100);
    expect(pace.allowance(2_100)).toBe(2);
    pace.started();
    pace.ended(busy(86_400_000), 3_000);
    expect(pace.opensAt(3_000)).toBe(63_000);
  });
});
