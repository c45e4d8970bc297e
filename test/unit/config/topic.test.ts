import { expect, it } from "vitest";
import { resolveTopic } from "../../../src/config/topic.ts";
import { load } from "./load.ts";

const { topicDefaults } = await load("topicDefaults: { strict: true, retention: { maxAge: 1h } }");

it("a topic without a body is as the defaults of the configuration say", () => {
  expect(resolveTopic("orders", undefined, topicDefaults)).toEqual({
    name: "orders",
    transport: "embedded",
    address: "orders",
    place: undefined,
    settings: {
      strict: true,
      retention: { maxAgeMs: 3_600_000, maxBytes: 10_737_418_240 },
      holdBackMs: 604_800_000,
      whenFull: "reject",
      envelope: "cloudevents",
      mode: "keep",
      key: undefined,
      provision: true,
      dedupe: undefined,
      options: {},
    },
  });
});

it("a topic keeps the defaults of what its body leaves out", () => {
  const input = { strict: false, retention: { maxBytes: 1024 }, place: "kafka-7/orders" };
  expect(resolveTopic("orders", input, topicDefaults)).toMatchObject({
    place: "kafka-7/orders",
    settings: { strict: false, retention: { maxAgeMs: 3_600_000, maxBytes: 1_024 } },
  });
});

it.each<[name: string, input: unknown, code: string, at: string]>([
  ["pulsebus.mine", undefined, "invalid-request", ""],
  ["a/b", undefined, "invalid-request", ""],
  ["..", undefined, "invalid-request", ""],
  ["orders", [], "invalid-request", ""],
  ["orders", { holdBack: "0s" }, "invalid-request", "/holdBack"],
  ["orders", { retention: { maxBytes: "0" } }, "invalid-request", "/retention/maxBytes"],
  ["orders", { schema: "x" }, "not-supported", "/schema"],
  ["orders", { dedupe: {} }, "invalid-request", "/dedupe/window"],
  ["orders", { dedupe: { window: "999ms" } }, "invalid-request", "/dedupe/window"],
  ["orders", { dedupe: { window: "25h" } }, "invalid-request", "/dedupe/window"],
])("the topic %s with %j is refused", (name, input, code, at) => {
  expect(() => resolveTopic(name, input, topicDefaults)).toThrow(expect.objectContaining({ code, at }));
});
