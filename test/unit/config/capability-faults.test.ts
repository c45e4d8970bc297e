import { describe, expect, it } from "vitest";
import { orderingFault } from "../../../src/config/capability-faults.ts";
import { resolveTopic, TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import { resolveSubscription } from "../../../src/subscription/resolve.ts";
import type { DeliveryInput } from "../../../src/subscription/subscription.ts";
import type { Capabilities } from "../../../src/transport/port.ts";

function fault(
  ordering: NonNullable<DeliveryInput["ordering"]>,
  kept: Capabilities["ordering"],
  key: string | undefined,
): string | undefined {
  const input = { topic: "orders", sink: "https://a.example/", delivery: { ordering } };
  const plan = resolveTopic("orders", {}, TOPIC_DEFAULTS);
  const topic = { ...plan, transport: "cloud", settings: { ...plan.settings, key } };
  return orderingFault(resolveSubscription(input, { id: () => "s" }), topic, { ordering: kept }, "")?.message;
}

describe("order by key", () => {
  it.each([
    ["none", "none", undefined],
    ["key", "topic", undefined],
    ["key", "key", "partitionkey"],
    [{ key: "customer" }, "key", "customer"],
  ] as const)("%j on a transport that keeps the order by %s, mapped from %s, is possible", (ordering, kept, key) => {
    expect(fault(ordering, kept, key)).toBeUndefined();
  });

  it.each([
    ["key", "none", undefined, "keeps no order"],
    ["key", "key", undefined, "key: partitionkey"],
    [{ key: "customer" }, "key", "partitionkey", "key: customer"],
  ] as const)(
    "%j on a transport that keeps the order by %s, mapped from %s, is refused",
    (ordering, kept, key, why) => {
      expect(fault(ordering, kept, key)).toContain(why);
    },
  );
});
