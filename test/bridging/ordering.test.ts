/**
 * Order by key through everything that may happen to a delivery, on every transport: attempts that fail, and a restart
 * in the middle (conformance cases T29 and T30 through retries).
 */
import { expect, it } from "vitest";
import { deleteTopics } from "../../scripts/demo/delete-topics.ts";
import type { ConfigInput } from "../../src/config/input.ts";
import { unique } from "../support/api.ts";
import { describeBrokers } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { openTestBus, type TestEvent, temporaryDirectory } from "../support/open-bus.ts";
import { startReceiver } from "../support/receiver.ts";
import { BROKERS, SIDES, topicOn, transportsOf } from "./sides.ts";

const KEYS = ["a", "b", "c", "d"];
const EVENTS = 12;
const RUN_MS_MAX = 120_000;

function configurationOf(run: string, sink: string): ConfigInput {
  const delivery = {
    ordering: "key",
    retry: { backoff: { initial: "20ms", max: "50ms", jitter: "none" } },
    breaker: { failures: 100_000 },
  } as const;
  const topics = SIDES.map((side) => {
    const keyed = side === "kafka" || side === "gcp-pubsub" ? { key: "partitionkey" } : {};
    return [`${run}-${side}`, topicOn(side, side === "kafka" ? { ...keyed, options: { partitions: 3 } } : keyed)];
  });
  const subscriptions = SIDES.map((side) => [side, { topic: `${run}-${side}`, sink: `${sink}${side}`, delivery }]);
  return {
    bus: { id: run },
    transports: transportsOf(SIDES),
    topics: Object.fromEntries(topics),
    subscriptions: Object.fromEntries(subscriptions),
  };
}

/** One of each key in turn. */
function events(from: number, count: number): TestEvent[] {
  return Array.from({ length: count }, (_, n) =>
    KEYS.map((key) => ({ id: `${key}${from + n}`, partitionkey: key })),
  ).flat();
}

await describeBrokers(BROKERS, "a subscription with order by key", () => {
  it(
    "keeps it on every transport while attempts fail, and through a restart",
    async () => {
      const taken = new Map<string, string[]>();
      await using sink = await startReceiver(({ id = "?", path }) => {
        if (Math.random() < 0.25) return 503;
        taken.set(path, [...(taken.get(path) ?? []), id]);
        return 200;
      });
      await using directory = await temporaryDirectory();
      const run = unique("ordering");
      const yaml = JSON.stringify(configurationOf(run, sink.url()));
      const first = await openTestBus({ directory: directory.path, yaml });
      await Promise.all(SIDES.map((side) => first.publish(`${run}-${side}`, events(0, EVENTS / 2))));
      // In the middle of it, on all of them.
      await eventually(() => expect(taken.size).toBe(SIDES.length), RUN_MS_MAX);
      await first.close();
      const second = await openTestBus({ directory: directory.path, yaml });
      await Promise.all(SIDES.map((side) => second.publish(`${run}-${side}`, events(EVENTS / 2, EVENTS / 2))));
      const expected = events(0, EVENTS).map(({ id }) => id);
      await eventually(() => {
        for (const side of SIDES) expect(new Set(taken.get(`/${side}`))).toEqual(new Set(expected));
      }, RUN_MS_MAX);
      for (const side of SIDES) {
        for (const key of KEYS) {
          const firstTimes = [...new Set(taken.get(`/${side}`))].filter((id) => id.startsWith(key));
          expect(firstTimes, `${side}, key ${key}`).toEqual(expected.filter((id) => id.startsWith(key)));
        }
      }
      await deleteTopics(second.plan);
      await second.close();
    },
    3 * RUN_MS_MAX,
  );
});
