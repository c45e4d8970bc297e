import { expect, it } from "vitest";
import { closest } from "../../../src/config/suggest.ts";

const KNOWN = ["topic", "types", "sink", "delivery", "maxInFlight", "maxParked"];

it.each([
  ["topics", "topic"],
  ["tpyes", "types"],
  ["maxinflight", "maxInFlight"],
  ["max_in_flight", "maxInFlight"],
  ["snik", "sink"],
  ["x", undefined],
  ["headers", undefined],
  ["", undefined],
])("%j probably meant %j", (word, meant) => {
  expect(closest(word, KNOWN)).toBe(meant);
});
