import { expect, it } from "vitest";
import { Ring } from "../../../src/delivery/ring.ts";

it("keeps the last items, newest first", () => {
  const ring = new Ring<number>(3);
  expect(ring.newestFirst()).toEqual([]);
  ring.push(1);
  ring.push(2);
  expect(ring.newestFirst()).toEqual([2, 1]);
  for (const item of [3, 4, 5]) ring.push(item);
  expect(ring.newestFirst()).toEqual([5, 4, 3]);
});
