import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { covers, escapeName, hasWildcard, subjectFault } from "../../../adapters/nats/names.ts";
import { formatPosition, generationOf, requireSequence, sequenceOf } from "../../../adapters/nats/position.ts";

/** Made of what an escape gets wrong. */
const name = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "A", "_", ".", "-", "2", "E", "/", "ü"), minLength: 1, maxLength: 8 }),
  fc.string({ unit: fc.constantFrom("a", "_", "."), minLength: 240, maxLength: 300 }),
);

describe("names of streams and consumers", () => {
  it("are what JetStream accepts", () => {
    const accepted = /^[A-Za-z0-9_-]{1,255}$/;
    fc.assert(fc.property(name, (text) => accepted.test(escapeName(text))));
  });

  it("differ where what they stand for differs", () => {
    fc.assert(fc.property(name, name, (one, two) => (escapeName(one) === escapeName(two)) === (one === two)));
  });
});

describe("subjects", () => {
  it.each([
    ["orders", "orders", true],
    ["orders", "order", false],
    ["orders.*", "orders.created", true],
    ["orders.*", "orders", false],
    ["orders.*", "orders.created.eu", false],
    ["orders.>", "orders.created.eu", true],
    ["orders.>", "orders", false],
    ["orders.>", "orders.>", true],
    ["orders.*", "orders.>", false],
    ["orders.*", "orders.*", true],
    ["orders.eu", "orders.*", false],
    [">", "anything.at.all", true],
    ["*.created", "orders.created", true],
  ])("%j includes %j: %s", (filter, subject, expected) => {
    expect(covers(filter, subject)).toBe(expected);
  });

  it.each(["orders", "orders.>", "a-b_c.d", "ünï.code"])("%j can be stored", (subject) => {
    expect(subjectFault(subject)).toBeUndefined();
  });

  it.each(["", ".", "a.", "a..b", "a b", "a\tb", "$SYS.x"])("%j can't be stored", (subject) => {
    expect(subjectFault(subject)).toBeTypeOf("string");
  });

  it("have wildcards only where a whole part is one", () => {
    expect(["a.*", ">", "*"].map(hasWildcard)).toEqual([true, true, true]);
    expect(["a*", "a.b>", "a"].map(hasWildcard)).toEqual([false, false, false]);
  });
});

describe("positions", () => {
  it("keep each digit of the time at which the stream was created", () => {
    const times = ["2026-11-25T17:31:00Z", "2026-11-25T17:31:00.1Z", "2026-11-25T17:31:00.100000001Z"];
    expect(new Set(times.map(generationOf)).size).toBe(times.length);
    expect(generationOf("2026-11-25T17:31:00.10Z")).toBe(generationOf("2026-11-25T17:31:00.1Z"));
  });

  it("are read only in their own generation", () => {
    const generation = generationOf("2026-11-25T17:31:00.123456789Z");
    expect(sequenceOf(formatPosition(generation, 42), generation)).toBe(42);
    for (const foreign of ["", "1-1", `${generation}-0`, `${generation}-x`, `${generation}`]) {
      expect(sequenceOf(foreign, generation), foreign).toBeUndefined();
      expect(() => requireSequence(foreign, generation)).toThrow(/none of this stream/);
    }
  });
});
