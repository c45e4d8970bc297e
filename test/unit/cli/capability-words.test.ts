import { expect, it } from "vitest";
import { CAPABILITIES } from "../../../adapters/embedded/adapter.ts";
import { describeMove } from "../../../src/cli/capability-words.ts";

it("a move to a transport that can do the same changes nothing", () => {
  expect(describeMove(CAPABILITIES, { ...CAPABILITIES })).toEqual([]);
});

it("a move is told in words, a line for each difference", () => {
  const limits = { ...CAPABILITIES.limits, eventBytes: 64 * 1024 };
  expect(describeMove(CAPABILITIES, { ...CAPABILITIES, ordering: "key", starts: ["latest"], limits })).toEqual([
    "order that is kept: of the whole topic → of events with the same key",
    "where a subscription can start: latest, earliest, time, position → latest",
    "largest event, attributes, events in a call: 16MiB, unbounded, 10000 → 64KiB, unbounded, 10000",
  ]);
});
