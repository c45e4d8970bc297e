import { expect, it } from "vitest";
import { describeTopic, resolveTopic } from "../../../src/config/topic.ts";
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

it("a topic of a broker has a retention for its archive, and shows both", () => {
  const input = { transport: "amqp", archive: true, retention: { maxAge: "2h", maxBytes: "1KiB" } };
  const plan = resolveTopic("orders", input, topicDefaults);
  expect(plan).toMatchObject({ archive: true, settings: { retention: { maxAgeMs: 7_200_000, maxBytes: 1_024 } } });
  expect(describeTopic(plan)).toMatchObject(input);
  const plain = resolveTopic("orders", { transport: "amqp", archive: false }, topicDefaults);
  expect(describeTopic(plain)).not.toHaveProperty("archive");
  expect(describeTopic(plain)).not.toHaveProperty("retention");
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
  ["orders", { archive: true }, "invalid-request", "/archive"],
  ["orders", { archive: "yes" }, "invalid-request", "/archive"],
  ["orders", { transport: "amqp", retention: {} }, "invalid-request", "/retention"],
  ["orders", { transport: "amqp", archive: false, retention: {} }, "invalid-request", "/retention"],
  ["orders", { transport: "amqp", archive: true, whenFull: "reject" }, "invalid-request", "/whenFull"],
])("the topic %s with %j is refused", (name, input, code, at) => {
  expect(() => resolveTopic(name, input, topicDefaults)).toThrow(expect.objectContaining({ code, at }));
});
