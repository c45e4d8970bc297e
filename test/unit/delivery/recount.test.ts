/** Goal: what is kept in memory of the rows is what the store holds, also when others change them meanwhile. */
import { describe, expect, it } from "vitest";
import { Recount } from "../../../src/delivery/recount.ts";
import type { Store } from "../../../src/store/port.ts";
import { BILLING, deadOf, idsOf, NOW, times } from "../../conformance/store/samples.ts";
import { MemoryStore, StoreData } from "../../simulation/store/memory-store.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const DEAD = times(3, () => deadOf(BILLING));
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Three dead letters that the tally knows of. */
async function openRecount() {
  const store = new MemoryStore(new StoreData(), async (_call, _about, run) => run());
  await store.deadLetter(DEAD);
  const tally = { parked: 0, scheduled: 0, deadLetters: DEAD.length };
  const clock = new ManualClock();
  const isCalm = () => true;
  const recount = new Recount({ subscription: BILLING, store, clock, logger: silent, tally, order: undefined, isCalm });
  return { store, tally, recount };
}

/** As long as a count takes, and more. */
async function countsOf(store: Store): Promise<number> {
  await new Promise(setImmediate);
  return (await store.counts(BILLING)).deadLetters;
}

describe("the recount", () => {
  it("takes what the store holds, once a call that failed had done its work", async () => {
    const { store, tally, recount } = await openRecount();
    await store.discard(BILLING, { ids: idsOf(DEAD.slice(0, 1)) }, NOW, 10);
    recount.doubt();
    recount.changed();
    expect(tally.deadLetters).toBe(3);
    expect(await countsOf(store)).toBe(2);
    expect(tally.deadLetters).toBe(2);
  });

  it("counts once what others deleted, though it was in doubt before they told", async () => {
    const { store, tally, recount } = await openRecount();
    const discard = async () => {
      const discarded = await store.discard(BILLING, { ids: idsOf(DEAD.slice(0, 1)) }, NOW, 10);
      recount.doubt();
      recount.changed();
      await countsOf(store);
      return discarded;
    };
    await recount.whileOthersChange(discard, ({ length }) => {
      tally.deadLetters -= length;
    });
    expect(tally.deadLetters).toBe(2);
  });
});
