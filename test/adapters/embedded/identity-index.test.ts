import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fairShare } from "../../../adapters/embedded/fair-share.ts";
import { IdentityIndex } from "../../../adapters/embedded/identity-index.ts";

function identityOf(name: number): Buffer {
  return createHash("sha256").update(String(name)).digest();
}

describe("the index of identities", () => {
  it("names every event from its floor on, and none of another identity that the asker turns down", () => {
    const step = fc.oneof(
      { weight: 20, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 40 }) }) },
      { weight: 5, arbitrary: fc.record({ find: fc.integer({ min: 0, max: 40 }) }) },
      { weight: 1, arbitrary: fc.record({ forget: fc.integer({ min: 1, max: 800 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { size: "max", maxLength: 2_500 }), (steps) => {
        const index = new IdentityIndex();
        const identities = Array.from({ length: 41 }, (_, name) => identityOf(name));
        const names = new Map<number, number>();
        let next = 1;
        for (const action of steps) {
          if ("add" in action) {
            index.add(identities[action.add] ?? Buffer.alloc(0), 0, next);
            names.set(next++, action.add);
          } else if ("forget" in action) {
            index.floor = Math.min(next, index.floor + action.forget);
          } else {
            const asked: number[] = [];
            index.find(identities[action.find] ?? Buffer.alloc(0), 0, (number) => asked.push(number) < 0);
            const expected = [...names].filter(([number, name]) => name === action.find && number >= index.floor);
            expect(asked.toSorted((a, b) => a - b)).toEqual(expected.map(([number]) => number));
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  it("finds each of many after it has grown, and stays small when it forgets as fast as it learns", () => {
    const index = new IdentityIndex();
    for (let number = 1; number <= 50_000; number += 1) {
      index.add(identityOf(number), 0, number);
      index.floor = Math.max(1, number - 10_000);
    }
    for (let number = 40_000; number <= 50_000; number += 1) {
      expect(index.find(identityOf(number), 0, (found) => found === number)).toBe(number);
    }
    expect(index.find(identityOf(39_999), 0, () => true)).toBeUndefined();
  });
});

describe("a fair share", () => {
  it.each([
    [[], 10, Infinity],
    [[3, 3, 4], 10, Infinity],
    [[11], 10, 10],
    [[20, 20], 10, 5],
    [[1, 20, 20], 11, 5],
    [[1, 4, 100, 6], 15, 5],
    [[0, 0, 7], 5, 5],
  ])("of %j is such that together they have %d", (counts, total, share) => {
    expect(fairShare(counts, total)).toBe(share);
  });
});
