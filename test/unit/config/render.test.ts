import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { describePlan, renderPlan } from "../../../src/config/render.ts";
import { load } from "./load.ts";

const FOLDER = new URL("golden/", import.meta.url);
const rendered = readdirSync(FOLDER)
  .map((file) => [file, readFileSync(new URL(file, FOLDER), "utf8").split("=== plan\n")[1]] as const)
  .filter(([, plan]) => plan !== undefined);

it.each(rendered)("a rendered plan, %s, is a configuration that renders the same", async (_file, plan) => {
  expect(renderPlan(await load(plan))).toBe(plan);
});

it("a described plan is a configuration in JSON", async () => {
  const plan = await load("topics: { a: { retention: { maxAge: 1d } } }");
  expect(describePlan(await load(JSON.stringify(describePlan(plan))))).toEqual(describePlan(plan));
});

it.each([
  ["a header", "{ topic: a, sink: 'https://s.example', delivery: { headers: { x-plain: hush } } }"],
  ["a query parameter", "{ topic: a, sink: 'https://s.example/?x=1&access_token=hush' }"],
  ["a signature in a query", "{ topic: a, sink: 'https://s.example/?sig=hush' }"],
  [
    "a filter on an attribute that is named so",
    "{ topic: a, sink: 'topic:a', filters: [ { exact: { apikey: hush } } ] }",
  ],
])("covers %s", async (_what, subscription) => {
  const plan = await load(`topics: { a: }\nsubscriptions: { s: ${subscription} }`);
  expect(renderPlan(plan)).toContain("***");
  expect(renderPlan(plan)).not.toContain("hush");
});

it("covers credentials in a transport's settings", async () => {
  const settings = "servers: [ 'nats://user:hush@nats:4222' ], password: hush, nested: { clientSecret: hush }";
  const text = `bus: { id: a }\ntransports: { n: { adapter: nats, ${settings} } }`;
  const described = JSON.stringify(describePlan(await load(text, { adapters: ["embedded", "nats"] })));
  expect(described).toContain("nats://***@nats:4222");
  expect(described).not.toContain("hush");
});
