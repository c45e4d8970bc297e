/** Goal: nothing that was taken in is lost or given twice, and nothing is kept from others for long. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { MAILBOX_IDLE_MS } from "../../../src/limits.ts";
import { Mailbox } from "../../../src/transport/mailbox.ts";
import { TransportError } from "../../../src/transport/port.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const CAPACITY = 4;
const { signal } = new AbortController();

describe("a mailbox", () => {
  let clock: ManualClock;
  let mailbox: Mailbox<number>;
  let handedBack: number[][];
  let freed: number;

  beforeEach(async () => {
    clock = new ManualClock();
    handedBack = [];
    freed = 0;
    mailbox = open(clock, { onIdle: (unread) => handedBack.push([...unread]), onFree: () => freed++ });
    await mailbox.take(1, AbortSignal.abort()); // active from here on
  });

  it("takes nothing in before the first take, which says so", async () => {
    const fresh = open(clock, { onFree: () => freed++ });
    expect(fresh.free).toBe(0);
    expect(fresh.push(1)).toBe(false);
    const before = freed;
    await fresh.take(1, AbortSignal.abort());
    expect(fresh.free).toBe(CAPACITY);
    expect(freed).toBe(before + 1);
  });

  it("gives what arrives in one turn together, in order, and never more than was asked for", async () => {
    const taking = mailbox.take(2, signal);
    for (const item of [1, 2, 3]) mailbox.push(item);
    expect(await taking).toEqual([1, 2]);
    expect(await mailbox.take(2, signal)).toEqual([3]);
  });

  it("refuses what is over its capacity, and takes in again what a take made room for", async () => {
    for (const item of [1, 2, 3, 4]) expect(mailbox.push(item)).toBe(true);
    expect(mailbox.push(5)).toBe(false);
    const before = freed;
    await mailbox.take(1, signal);
    expect(freed).toBe(before + 1);
    expect(mailbox.push(5)).toBe(true);
  });

  it("answers nothing when the signal is aborted before", async () => {
    mailbox.push(1);
    expect(await mailbox.take(1, AbortSignal.abort())).toEqual([]);
    expect(await mailbox.take(1, signal)).toEqual([1]);
  });

  it("keeps what arrives while a take is being aborted", async () => {
    const abort = new AbortController();
    const taking = mailbox.take(1, abort.signal);
    mailbox.push(1);
    abort.abort();
    expect(await taking).toEqual([]);
    expect(await mailbox.take(1, signal)).toEqual([1]);
  });

  it("ends the waits of several takes with one signal", async () => {
    const abort = new AbortController();
    const first = mailbox.take(1, abort.signal);
    mailbox.push(1);
    await first;
    const second = mailbox.take(1, abort.signal);
    abort.abort();
    expect(await second).toEqual([]);
  });

  it("refuses a second take beside a running one", async () => {
    const abort = new AbortController();
    const taking = mailbox.take(1, abort.signal);
    await expect(mailbox.take(1, signal)).rejects.toMatchObject({ code: "invalid" });
    abort.abort();
    await taking;
  });

  it("hands unread items back when nobody took for a while, and takes none in until somebody does", async () => {
    mailbox.push(1);
    clock.advance(MAILBOX_IDLE_MS);
    expect(handedBack).toEqual([[1]]);
    expect(mailbox.push(2)).toBe(false);
    await mailbox.take(1, AbortSignal.abort());
    expect(mailbox.push(3)).toBe(true);
  });

  it("says that it is idle also when nothing is unread, so that the adapter asks for no more", () => {
    clock.advance(MAILBOX_IDLE_MS);
    expect(handedBack).toEqual([[]]);
  });

  it("counts from the last take", async () => {
    mailbox.push(1);
    clock.advance(MAILBOX_IDLE_MS - 1);
    await mailbox.take(1, AbortSignal.abort());
    clock.advance(MAILBOX_IDLE_MS - 1);
    expect(handedBack).toEqual([]);
    clock.advance(1);
    expect(handedBack).toEqual([[1]]);
  });

  it("is not idle while a take waits, however long", async () => {
    const taking = mailbox.take(1, signal);
    clock.advance(3 * MAILBOX_IDLE_MS);
    mailbox.push(1);
    expect(await taking).toEqual([1]);
    clock.advance(MAILBOX_IDLE_MS - 1);
    expect(handedBack).toEqual([]);
    clock.advance(1);
    expect(handedBack).toEqual([[]]);
  });

  it("fails the waiting take, and only that one", async () => {
    const taking = mailbox.take(1, signal);
    mailbox.fail(new TransportError("fenced", "another one owns it"));
    await expect(taking).rejects.toMatchObject({ code: "fenced" });
    mailbox.push(1);
    expect(await mailbox.take(1, signal)).toEqual([1]);
  });

  it("fails the next take when none is waiting, unless an item arrives before", async () => {
    mailbox.fail(new TransportError("not_found", "gone"));
    await expect(mailbox.take(1, signal)).rejects.toMatchObject({ code: "not_found" });
    mailbox.fail(new TransportError("not_found", "gone"));
    mailbox.push(1);
    expect(await mailbox.take(1, signal)).toEqual([1]);
  });

  it("is emptied without being closed", async () => {
    mailbox.push(1);
    expect(mailbox.drain()).toEqual([1]);
    mailbox.push(2);
    expect(await mailbox.take(9, signal)).toEqual([2]);
  });

  it("answers what is unread when it is closed, fails the waiting take and every later one, and leaves no timer", async () => {
    mailbox.push(1);
    expect(mailbox.close()).toEqual([1]);
    expect(mailbox.close()).toEqual([]);
    expect(mailbox.push(2)).toBe(false);
    await expect(mailbox.take(1, signal)).rejects.toMatchObject({ code: "closed" });
    clock.advance(2 * MAILBOX_IDLE_MS);
    expect(handedBack).toEqual([]);
    const other = open(clock);
    const waiting = other.take(1, signal);
    other.close();
    await expect(waiting).rejects.toMatchObject({ code: "closed" });
  });

  it("agrees with a model: each item is given once, in order, or handed back once", async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 100 }), agreesWithModel));
  });
});

function open(clock: ManualClock, on: Partial<{ onFree(): void; onIdle(unread: readonly number[]): void }> = {}) {
  return new Mailbox<number>({ capacity: CAPACITY, clock, onFree() {}, onIdle() {}, ...on });
}

const step = fc.oneof(
  fc.constant({ how: "push" as const }),
  fc.record({ how: fc.constant("take" as const), max: fc.integer({ min: 1, max: 6 }), isAborted: fc.boolean() }),
  fc.record({ how: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: MAILBOX_IDLE_MS }) }),
);

type Step = { how: "push" } | { how: "take"; max: number; isAborted: boolean } | { how: "wait"; ms: number };

async function agreesWithModel(steps: readonly Step[]): Promise<void> {
  const clock = new ManualClock();
  const handedBack: number[] = [];
  const mailbox = open(clock, { onIdle: (unread) => handedBack.push(...unread) });
  const expectedBack: number[] = [];
  let queue: number[] = [];
  let idleAt = 0; // of the model: before it, somebody took
  let number = 0;
  for (const one of steps) {
    if (one.how === "push") {
      const fits = clock.now() < idleAt && queue.length < CAPACITY;
      expect(mailbox.push(number)).toBe(fits);
      if (fits) queue.push(number);
      number += 1;
    } else if (one.how === "take") {
      const mayWait = queue.length > 0 && !one.isAborted;
      const taken = await mailbox.take(one.max, mayWait ? signal : AbortSignal.abort());
      expect(taken).toEqual(mayWait ? queue.splice(0, one.max) : []);
      idleAt = clock.now() + MAILBOX_IDLE_MS;
    } else {
      clock.advance(one.ms);
      if (clock.now() >= idleAt) {
        expectedBack.push(...queue);
        queue = [];
      }
    }
    expect(mailbox.free).toBe(clock.now() < idleAt ? CAPACITY - queue.length : 0);
    expect(handedBack).toEqual(expectedBack);
  }
}
