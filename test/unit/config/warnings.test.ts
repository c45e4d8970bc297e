import { describe, expect, it } from "vitest";
import { warnings } from "../../../src/config/warnings.ts";
import { load } from "./load.ts";

const warningsOf = async (...parameters: Parameters<typeof load>) => warnings(await load(...parameters), new Map());

/** A configuration whose topics feed each other as `a>b` says. */
function feeding(...edges: readonly string[]): string {
  const names = new Set(edges.flatMap((edge) => edge.split(">")));
  const topics = [...names].map((name) => `  ${name}: {}`);
  const subscriptions = edges.map((edge, index) => {
    const [from, to] = edge.split(">");
    return `  s${index}: { topic: ${from}, sink: "topic:${to}" }`;
  });
  return ["topics:", ...topics, "subscriptions:", ...subscriptions].join("\n");
}

it("there are none about an ordinary plan", async () => {
  expect(await warningsOf(undefined)).toEqual([]);
  expect(await warningsOf(feeding("a>b", "a>c", "b>d", "c>d"))).toEqual([]);
});

it("one says that the server can be reached without authentication", async () => {
  expect(await warningsOf(undefined, { flags: { host: "0.0.0.0" } })).toEqual([
    expect.stringContaining("0.0.0.0 can be reached from other machines, and there is no authentication"),
  ]);
});

it("one names each variable that is ignored", async () => {
  expect(await warningsOf(undefined, { env: { PULSEBUS_SEVER_PORT: "1" } })).toEqual([
    "the variable PULSEBUS_SEVER_PORT is ignored: no setting has this name",
  ]);
});

describe("topics that feed each other in a circle", () => {
  it.each([
    [["a>a"], ["a → a"]],
    [["a>b", "b>a"], ["a → b → a"]],
    [["x>a", "a>b", "b>c", "c>a"], ["a → b → c → a"]],
    [
      ["a>b", "b>a", "c>d", "d>c"],
      ["a → b → a", "c → d → c"],
    ],
    [["a>b", "a>b", "b>a"], ["a → b → a"]],
  ])("%j are told", async (edges, cycles) => {
    const found = await warningsOf(feeding(...edges));
    expect(found.filter((warning) => warning.includes("circle"))).toEqual(
      cycles.map((cycle) => `the topics ${cycle} feed each other in a circle: loop protection drops what comes back`),
    );
  });
});

it("operators of one precedence in one expression are told with the place of the filter", async () => {
  const filters = `[{ any: [{ sql: "a = 'x' AND b = 'y' OR c = 'z'" }] }]`;
  expect(
    await warningsOf(
      `topics: { a: }\nsubscriptions: { s: { topic: a, sink: "https://s.example", filters: ${filters} } }`,
    ),
  ).toEqual([expect.stringMatching(/^subscriptions\.s\.filters\[0\]\.any\[0\]\.sql: AND, OR and XOR are mixed/)]);
});

it("topics that feed each other by replies are told too", async () => {
  const subscription = (topic: string, replies: string) =>
    `{ topic: ${topic}, sink: "https://s.example", replies: { topic: ${replies} } }`;
  const text = `topics: { a: , b: }\nsubscriptions:\n  s: ${subscription("a", "b")}\n  t: ${subscription("b", "a")}`;
  expect(await warningsOf(text)).toEqual([expect.stringContaining("the topics a → b → a feed each other")]);
});

describe("many subscriptions on a topic", () => {
  const withSubscriptions = (count: number, transport: string) => {
    const subscriptions = Array.from(
      { length: count },
      (_, index) => `  s${index}: { topic: a, sink: "https://s.example" }`,
    );
    const head = `bus: { id: b }\ntransports: { n: { adapter: nats } }\ntopics: { a: { transport: ${transport} } }`;
    return warningsOf([head, "subscriptions:", ...subscriptions].join("\n"), { adapters: ["embedded", "nats"] });
  };

  it("of a broker are told above 50", async () => {
    expect(await withSubscriptions(50, "n")).toEqual([]);
    expect(await withSubscriptions(51, "n")).toEqual([
      expect.stringContaining("topics.a: 51 subscriptions read this whole topic from n, each for itself"),
    ]);
  });

  it("of the embedded transport are what it is made for", async () => {
    expect(await withSubscriptions(51, "embedded")).toEqual([]);
  });
});
