import { describe, expect, it } from "vitest";
import { CAPABILITIES } from "../../../adapters/embedded/adapter.ts";
import { warnings } from "../../../src/config/warnings.ts";
import type { Capabilities } from "../../../src/transport/port.ts";
import { load } from "./load.ts";

const KIB = 1024;

function capable(
  ordering: Capabilities["ordering"],
  eventBytes: number = CAPABILITIES.limits.eventBytes,
): Capabilities {
  return { ...CAPABILITIES, ordering, limits: { ...CAPABILITIES.limits, eventBytes } };
}

const TRANSPORTS = new Map([
  ["embedded", CAPABILITIES],
  ["unordered", capable("none")],
  ["keyed", capable("key")],
  ["keyed2", capable("key")],
  ["ordered", capable("topic")],
  ["small", capable("topic", 100 * KIB)],
]);

/** The warnings about topics and what forwards them, in a configuration with all transports above. */
async function warningsOf(topics: string, forwarding: string): Promise<readonly string[]> {
  const transports = [...TRANSPORTS.keys()].filter((name) => name !== "embedded");
  const text = [
    "bus: { id: b }",
    `transports: { ${transports.map((name) => `${name}: { adapter: nats }`).join(", ")} }`,
    `topics: { ${topics} }`,
    forwarding,
  ];
  return warnings(await load(text.join("\n"), { adapters: ["embedded", "nats"] }), TRANSPORTS);
}

const ONE_WAY = "bridges: { b: { from: a, to: z } }";

describe("what a pair of topics loses is told:", () => {
  it.each([
    ["nothing between ordered ones", "{}", "{ transport: ordered }", undefined],
    ["nothing where the source has no order", "{ transport: unordered }", "{ transport: keyed }", undefined],
    ["nothing where the source has no key", "{ transport: keyed }", "{ transport: unordered }", undefined],
    ["all order", "{}", "{ transport: unordered }", "a → z: the order of events is lost: unordered keeps none"],
    [
      "order for want of a key",
      "{}",
      "{ transport: keyed }",
      "a → z: the order of events is lost: keyed keeps only that of events with the same key, and topics.z has no `key`: " +
        "write `key: partitionkey`",
    ],
    [
      "order for want of the source's key",
      "{ transport: keyed, key: tenant }",
      "{ transport: keyed2 }",
      expect.stringContaining("write `key: tenant`"),
    ],
    [
      "order across keys",
      "{}",
      "{ transport: keyed, key: tenant }",
      "a → z: only the order of events with the same tenant is kept",
    ],
    [
      "order by another key",
      "{ transport: keyed, key: tenant }",
      "{ transport: keyed2, key: subject }",
      "a → z: the order by tenant is lost: topics.z keeps that by subject",
    ],
    ["nothing where keys are the same", "{ transport: keyed, key: k }", "{ transport: keyed2, key: k }", undefined],
    [
      "large events",
      "{ transport: ordered }",
      "{ transport: small }",
      "a → z: events above 100KiB become dead letters: small takes no larger ones",
    ],
    [
      "the content mode",
      "{}",
      "{ transport: ordered, mode: structured }",
      "a → z: the content mode is not kept: topics.z.mode has every event written in structured mode",
    ],
  ])("%s", async (_what, source, target, warning) => {
    const found = await warningsOf(`a: ${source}, z: ${target}`, ONE_WAY);
    expect(found).toEqual(warning === undefined ? [] : [warning]);
  });

  it("large events as far as the bus takes them", async () => {
    expect(await warningsOf("a: , z: { transport: small }", `${ONE_WAY}\nlimits: { eventBytes: 100KiB }`)).toEqual([]);
    expect(await warningsOf("a: , z: { transport: small }", ONE_WAY)).toHaveLength(1);
  });

  it("each direction for itself, also of a plain subscription with a topic as its sink", async () => {
    const subscriptions = 'subscriptions: { s: { topic: a, sink: "topic:z" } }';
    expect(await warningsOf("a: , z: { transport: unordered }", subscriptions)).toHaveLength(1);
    expect(await warningsOf("a: , z: { transport: unordered }", "bridges: { b: { between: [ z, a ] } }")).toEqual([
      expect.stringContaining("a → z: "),
    ]);
  });
});

describe("places that can't be told apart", () => {
  const alike = (extra = "", otherExtra = "") =>
    `a: { transport: ordered, address: orders${extra} }, m: , z: { transport: small, address: orders${otherExtra} }`;
  const THROUGH_M = "bridges: { in: { from: z, to: m }, out: { from: m, to: a } }";
  const about = async (topics: string, forwarding: string) =>
    (await warningsOf(topics, forwarding)).filter((warning) => warning.includes("loop protection"));

  it("are told where events get from one topic to the other, however far", async () => {
    const warning =
      "topics.a and topics.z have the same address on ordered and small: unless these brokers tell apart what is whose, " +
      "loop protection lets nothing pass between them: give one of the topics a `place`";
    expect(await about(alike(), "bridges: { b: { between: [ a, z ] } }")).toEqual([warning]);
    expect(await about(alike(), THROUGH_M)).toEqual([warning]);
  });

  it("are no matter where nothing is forwarded, or a topic has a place of its own", async () => {
    expect(await about(alike(), "bridges: { in: { from: z, to: m } }")).toEqual([]);
    expect(await about(alike(", place: here"), THROUGH_M)).toEqual([]);
  });

  it("are told where two topics are given the same place", async () => {
    expect(await about(alike(", place: here", ", place: here"), THROUGH_M)).toEqual([
      "topics.a and topics.z have the same place, so loop protection lets nothing pass between them",
    ]);
  });
});

it("bridges that overlap are told, when one of them forwards everything", async () => {
  const bridges = (filter: string) =>
    `bridges: { b: { between: [ a, z ]${filter} }, c: { from: a, to: z, types: [ t ] } }`;
  expect(await warningsOf("a: , z: ", bridges(""))).toEqual([
    "a → z: what the subscription bridge.c.a.z forwards arrives twice, as bridge.b.a.z forwards everything",
  ]);
  expect(await warningsOf("a: , z: ", bridges(", types: [ u ]"))).toEqual([]);
});

it("a bridge both ways is a circle that is meant", async () => {
  expect(await warningsOf("a: , z: ", "bridges: { b: { between: [ a, z ] } }")).toEqual([]);
  expect(
    await warningsOf(
      "a: , y: , z: ",
      "bridges: { b: { between: [ a, y ] }, c: { from: y, to: z }, d: { from: z, to: a } }",
    ),
  ).toEqual([expect.stringContaining("feed each other in a circle")]);
});
