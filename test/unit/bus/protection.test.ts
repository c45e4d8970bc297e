/**
 * Goal: a sink is never asked for more than its policy and its answers allow, waiting costs no attempts, and everything
 * is delivered in the end. Method: a real bus on real files with real webhooks that answer by the test's script.
 */
import { describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { openTestBus, type TestBus, temporaryDirectory } from "../../support/open-bus.ts";
import { startReceiver } from "../../support/receiver.ts";

const RETRY = { backoff: { initial: "10ms", max: "20ms", jitter: "none" } };
const DONE = { parked: 0, inFlight: 0, backlog: 0 };

const numbered = (count: number, prefix = "e"): string[] => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

async function until(test: TestBus, id: string, expected: object): Promise<void> {
  await eventually(async () => expect((await test.bus.subscription(id)).status).toMatchObject(expected), 20_000);
}

describe("a sink that fails", () => {
  it("is left alone after some failures in a row, probed, and given everything once it is back", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using sink = await startReceiver(() => (open ? 200 : 500));
    const test = await openTestBus({ directory: directory.path });
    const delivery = { retry: RETRY, breaker: { failures: 5, maxPause: "50ms" }, maxInFlight: 4 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(100));
    await until(test, "s", { breaker: "open" });
    const before = sink.requests.length;
    await sink.received(before + 4); // probes
    expect((await test.bus.subscription("s")).status.backlog).toBeGreaterThan(60);
    open = true;
    await until(test, "s", { delivered: 100, breaker: "closed", ...DONE });
    await test.close();
  });

  it("costs another subscription of its origin no attempt while the breaker is open", async () => {
    await using directory = await temporaryDirectory();
    let open = false;
    await using sink = await startReceiver(() => (open ? 200 : 500));
    const test = await openTestBus({ directory: directory.path });
    const delivery = { retry: RETRY, breaker: { failures: 5, maxPause: "10m" }, maxInFlight: 1 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url("/s"), delivery });
    await test.publish("t", numbered(20));
    await until(test, "s", { breaker: "open" });
    await test.bus.createSubscription({ id: "other", topic: "u", sink: sink.url("/other"), delivery });
    await test.publish("u", ["x"]);
    await until(test, "other", { breaker: "open", backlog: 1 });
    open = true;
    await until(test, "other", { delivered: 1, breaker: "closed", ...DONE });
    await until(test, "s", { delivered: 20, ...DONE });
    expect(sink.requests.filter(({ path }) => path === "/other")).toHaveLength(1);
    await test.close();
  });

  it("that refuses twenty events in a row slows its own subscription, not others of its origin", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver(({ path }) => (path === "/bad" ? 400 : 200));
    const test = await openTestBus({ directory: directory.path });
    const delivery = { maxInFlight: 1 };
    await test.bus.createSubscription({ id: "bad", topic: "t", sink: sink.url("/bad"), delivery });
    await test.bus.createSubscription({ id: "good", topic: "t", sink: sink.url("/good"), delivery });
    await test.publish("t", numbered(50));
    await until(test, "good", { delivered: 50, breaker: "closed", ...DONE });
    await until(test, "bad", { state: "failing", breaker: "open", deadLetters: 20 });
    await test.close();
  });
});

describe("a rate limit", () => {
  it("is what the receiver sees, and costs no attempts", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const test = await openTestBus({ directory: directory.path });
    const delivery = { rateLimit: { perSecond: 40, burst: 5 }, retry: { maxAttempts: 1 } };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(45));
    await until(test, "s", { delivered: 45, deadLetters: 0, ...DONE });
    const times = sink.requests.map(({ at }) => at);
    const [first = 0, last = 0] = [times[0], times.at(-1)];
    expect(last - first).toBeGreaterThan(950); // 40 after the burst
    await test.close();
  });
});

describe("a busy sink", () => {
  it("is asked for nothing until the time that it names", async () => {
    await using directory = await temporaryDirectory();
    let isFirst = true;
    await using sink = await startReceiver(() => {
      if (!isFirst) return 200;
      isFirst = false;
      return { status: 429, headers: { "Retry-After": "1" } };
    });
    const test = await openTestBus({ directory: directory.path });
    const delivery = { retry: RETRY, maxInFlight: 1 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(10));
    await until(test, "s", { delivered: 10, ...DONE });
    const [first, second] = sink.requests;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(990);
    await test.close();
  });

  it("is given fewer events at once", async () => {
    await using directory = await temporaryDirectory();
    let inside = 0;
    let most = 0;
    await using sink = await startReceiver(async () => {
      inside += 1;
      const status = inside > 8 ? 429 : 200;
      if (sink.requests.length > 200) most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      return status;
    });
    const test = await openTestBus({ directory: directory.path });
    const delivery = { retry: RETRY, breaker: { failures: 100_000 }, maxInFlight: 64 };
    await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url(), delivery });
    await test.publish("t", numbered(600));
    await until(test, "s", { delivered: 600, ...DONE });
    expect(most).toBeLessThan(40);
    await test.close();
  });
});
