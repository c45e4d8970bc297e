import Driver from "better-sqlite3";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Event } from "../../../src/event/event.ts";
import { databasePath } from "../../../src/sqlite/connection.ts";
import { idsOf, makeEvent, makeEvents } from "../../../src/transport/conformance/events.ts";
import { receiveAndAck } from "../../../src/transport/conformance/steps.ts";
import type { TopicSettings } from "../../../src/transport/port.ts";
import { eventually } from "../../support/eventually.ts";
import { FaultyDatabase } from "./faulty-database.ts";
import { EmbeddedLog, SETTINGS, TestClock } from "./log.ts";
import { expectNothing, numberOf, publish, store } from "./steps.ts";

const MINUTE = 60_000;
const DEDUPE: Partial<TopicSettings> = { dedupe: { windowMs: 10 * MINUTE } };

describe("a topic with dedupe", () => {
  const clock = new TestClock(20);
  let faults: FaultyDatabase;
  let log: EmbeddedLog;

  beforeAll(async () => {
    log = await EmbeddedLog.open({
      clock,
      wrap: (database) => {
        faults = new FaultyDatabase(database);
        return faults;
      },
    });
  });
  afterAll(() => log.remove());

  /** What becomes of each: `+3` is stored as the third event of the topic, `=3` is a duplicate of that. */
  async function outcomes(address: string, events: readonly Event[]): Promise<string[]> {
    const results = await publish(log.transport, address, events);
    return results.map((result) => {
      if (!result.ok) return result.error.code;
      return `${result.duplicate ? "=" : "+"}${numberOf({ position: result.position ?? "" })}`;
    });
  }

  it("stores one of a hundred that are published in one commit, and one of a hundred over several", async () => {
    const address = await log.topic(DEDUPE);
    const consumer = await log.consumer(address);
    const [atOnce, over] = [makeEvent(), makeEvent()];
    const together = await Promise.all(Array.from({ length: 100 }, () => outcomes(address, [atOnce])));
    expect(together.flat().toSorted()).toEqual(["+1", ...Array(99).fill("=1")].toSorted());
    const spread: Promise<string[]>[] = [];
    for (let count = 0; count < 100; count += 1) {
      spread.push(outcomes(address, [over]));
      if (count % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await Promise.all(spread)).flat().toSorted()).toEqual(["+2", ...Array(99).fill("=2")].toSorted());
    expect(idsOf(await receiveAndAck(consumer, 2))).toEqual([atOnce.id, over.id]);
    await expectNothing(consumer);
    expect(await log.transport.topicStats(address)).toMatchObject({ events: 2 });
  });

  it("sifts a batch: what is new is stored and delivered in its order, each duplicate has the first one's place", async () => {
    const address = await log.topic(DEDUPE);
    const consumer = await log.consumer(address);
    const [a, b, c, d] = makeEvents(4) as [Event, Event, Event, Event];
    expect(await outcomes(address, [a, b, a])).toEqual(["+1", "+2", "=1"]);
    expect(await outcomes(address, [b, c, a, c, d, b])).toEqual(["=2", "+3", "=1", "=3", "+4", "=2"]);
    expect(await outcomes(address, [d, a])).toEqual(["=4", "=1"]);
    const items = await receiveAndAck(consumer, 4);
    expect(items.map((item) => [numberOf(item), ...idsOf([item])])).toEqual(
      [a, b, c, d].map(({ id }, index) => [index + 1, id]),
    );
    await expectNothing(consumer);
    const { items: stored } = await log.transport.read(address, { at: "earliest" }, 100);
    expect(idsOf(stored)).toEqual([a.id, b.id, c.id, d.id]);
  });

  it("sifts batches of several blocks", async () => {
    const address = await log.topic(DEDUPE);
    const events = makeEvents(5_000, "many");
    expect(await outcomes(address, events)).toEqual(events.map((_, index) => `+${index + 1}`));
    const more = [...events.slice(0, 2_500), ...makeEvents(1_000, "more"), ...events.slice(2_500)];
    const answers = await outcomes(address, more);
    expect(answers.slice(0, 2_500)).toEqual(events.slice(0, 2_500).map((_, index) => `=${index + 1}`));
    expect(answers.slice(2_500, 3_500)).toEqual(Array.from({ length: 1_000 }, (_, index) => `+${5_001 + index}`));
    expect(answers.at(-1)).toBe("=5000");
    expect((await log.transport.topicStats(address)).events).toBe(6_000);
  });

  it("answers what is refused beside what is stored and what is a duplicate", async () => {
    const address = await log.topic(DEDUPE);
    const event = makeEvent();
    const noText = makeEvent({ attributes: [["subject", "\uD800"]] });
    expect(await outcomes(address, [event, noText, event])).toEqual(["+1", "invalid", "=1"]);
    expect(await outcomes(address, [noText])).toEqual(["invalid"]);
  });

  it("recognizes what retention has removed within the window", async () => {
    const address = await log.topic({ ...DEDUPE, retention: { maxAgeMs: MINUTE, maxBytes: 1e9 } });
    const event = makeEvent();
    await store(log.transport, address, [event]);
    clock.advance(2 * MINUTE);
    await eventually(async () => expect((await log.transport.topicStats(address)).events).toBe(0));
    expect(await outcomes(address, [event])).toEqual(["=1"]);
    await log.restart();
    expect(await outcomes(address, [event, makeEvent()])).toEqual(["=1", "+2"]);
    expect((await log.transport.topicStats(address)).events).toBe(1);
  });

  it("recognizes what was stored before a restart, and before a crash", async () => {
    const address = await log.topic(DEDUPE);
    const events = makeEvents(3);
    await store(log.transport, address, events);
    await log.restart();
    expect(await outcomes(address, events)).toEqual(["=1", "=2", "=3"]);
    await log.crash();
    expect(await outcomes(address, [makeEvent(), ...events])).toEqual(["+4", "=1", "=2", "=3"]);
  });

  it("stores an event again after the window, from when it was stored, not from its last duplicate", async () => {
    const address = await log.topic(DEDUPE);
    const event = makeEvent();
    await store(log.transport, address, [event]);
    clock.advance(9 * MINUTE);
    expect(await outcomes(address, [event])).toEqual(["=1"]);
    clock.advance(MINUTE);
    expect(await outcomes(address, [event])).toEqual(["+2"]);
    expect(await outcomes(address, [event])).toEqual(["=2"]);
  });

  it("takes another window at once, and forgets everything without one", async () => {
    const address = await log.topic(DEDUPE);
    const windowOf = (minutes: number): Promise<void> =>
      log.transport.provision(address, { ...SETTINGS, dedupe: { windowMs: minutes * MINUTE } });
    const event = makeEvent();
    await store(log.transport, address, [event]);
    clock.advance(5 * MINUTE);
    await windowOf(20);
    clock.advance(10 * MINUTE);
    expect(await outcomes(address, [event])).toEqual(["=1"]);
    await windowOf(5);
    expect(await outcomes(address, [event])).toEqual(["+2"]);
    await log.transport.provision(address, SETTINGS);
    expect(await outcomes(address, [event])).toEqual(["+3"]);
    await eventually(() => expect(rememberedEvents(log, address)).toBe(0));
    await windowOf(5);
    expect(await outcomes(address, [event])).toEqual(["+4"]);
    expect(await outcomes(address, [event])).toEqual(["=4"]);
  });

  it("keeps in the file only what is within the window", async () => {
    const address = await log.topic(DEDUPE);
    for (const event of makeEvents(600)) await store(log.transport, address, [event]);
    clock.advance(11 * MINUTE);
    await store(log.transport, address, makeEvents(2));
    await eventually(() => expect(rememberedEvents(log, address)).toBe(2));
    clock.advance(11 * MINUTE);
    await eventually(() => expect(rememberedEvents(log, address)).toBe(0));
  });

  it("leaves nothing behind when it is deleted, and knows nothing when it is created again", async () => {
    const address = await log.topic(DEDUPE);
    const events = makeEvents(2);
    await store(log.transport, address, events);
    await log.transport.deprovision(address);
    await log.transport.provision(address, { ...SETTINGS, ...DEDUPE });
    expect(await outcomes(address, events)).toEqual(["+1", "+2"]);
    await log.transport.deprovision(address);
    clock.advance(20 * MINUTE); // so that nothing of the other tests is left either
    await eventually(() => expect(rememberedEvents(log)).toBe(0));
  });

  it("costs no row where it is not asked for", async () => {
    const address = await log.topic();
    const event = makeEvent();
    expect(await outcomes(address, [event, event])).toEqual(["+1", "+2"]);
    expect(rememberedEvents(log, address)).toBe(0);
  });

  it("delivers an event whose publish was answered as unknown when it is published again, and stores it once", async () => {
    const address = await log.topic(DEDUPE);
    const consumer = await log.consumer(address);
    const event = makeEvent();
    faults.fail("embedded.append", "lose");
    const [lost] = await publish(log.transport, address, [event]);
    expect(lost).toMatchObject({ ok: false, stored: "unknown" });
    expect(await outcomes(address, [event])).toEqual(["=1"]);
    expect(idsOf(await receiveAndAck(consumer, 1))).toEqual([event.id]);
    await expectNothing(consumer);
  });

  it("stores an event whose publish failed when it is published again", async () => {
    const address = await log.topic(DEDUPE);
    const event = makeEvent();
    faults.fail("embedded.append", "refuse");
    expect(await outcomes(address, [event])).toEqual(["unavailable"]);
    expect(await outcomes(address, [event])).toEqual(["+1"]);
  });

  it("does as a list of what was stored when would say, whatever is published when", { timeout: 60_000 }, async () => {
    const minutes = fc.integer({ min: 1, max: 6 });
    const action = fc.oneof(
      { weight: 12, arbitrary: fc.record({ publish: fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 8 }) }) },
      { weight: 4, arbitrary: fc.record({ wait: minutes }) },
      { weight: 2, arbitrary: fc.record({ shorten: minutes }) },
      { weight: 1, arbitrary: fc.constant("restart" as const) },
    );
    type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;
    const play = async (actions: readonly Action[]): Promise<void> => {
      // Half a minute more than waits can be, so that no wait ends at the edge of the window.
      let [windowMs, next] = [10.5 * MINUTE, 1];
      const address = await log.topic({ dedupe: { windowMs } });
      const stored = new Map<number, { readonly number: number; readonly at: number }>();
      const outcomeOf = (name: number): string => {
        const before = stored.get(name);
        if (before !== undefined && clock.now() - before.at < windowMs) return `=${before.number}`;
        stored.set(name, { number: next, at: clock.now() });
        return `+${next++}`;
      };
      for (const step of actions) {
        if (step === "restart") await log.restart();
        else if ("wait" in step) clock.advance(step.wait * MINUTE);
        else if ("shorten" in step) {
          windowMs = Math.min(windowMs, (step.shorten + 0.5) * MINUTE);
          await log.transport.provision(address, { ...SETTINGS, dedupe: { windowMs } });
        } else {
          const expected = step.publish.map(outcomeOf);
          const events = step.publish.map((name) => makeEvent({ id: `${name}` }));
          expect(await outcomes(address, events)).toEqual(expected);
        }
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(action, { maxLength: 40 }), play), { numRuns: 20 });
  });

  it("stores once what it sifted in a commit that was rolled back and repeated one by one", async () => {
    const address = await log.topic(DEDUPE);
    const other = await log.topic(DEDUPE);
    const [first, second] = makeEvents(2) as [Event, Event];
    await store(log.transport, address, [makeEvent()]);
    const group = [
      outcomes(address, [first, second, first]),
      log.database.write("embedded.append", () => ({ payload: undefined })), // throws, and ends its group
      outcomes(other, [first]),
    ] as const;
    const [answer, broken, elsewhere] = await Promise.allSettled(group);
    expect(broken.status).toBe("rejected");
    expect([answer, elsewhere]).toMatchObject([{ value: ["+2", "+3", "=2"] }, { value: ["+1"] }]);
    expect(await outcomes(address, [second, first])).toEqual(["=3", "=2"]);
  });
});

describe("the bounds of what topics with dedupe remember", () => {
  const BOUNDS = { topicEvents: 3_000, totalEvents: 5_000 };
  /** What one row holds. */
  const STEP = 100;
  let log: EmbeddedLog;

  beforeAll(async () => {
    log = await EmbeddedLog.open({ clock: new TestClock(20), dedupeBounds: BOUNDS });
  });
  afterAll(() => log.remove());

  /** Publishes so many events and answers them. */
  async function fill(address: string, count: number): Promise<Event[]> {
    const events = makeEvents(count);
    for (let at = 0; at < count; at += STEP) await store(log.transport, address, events.slice(at, at + STEP));
    return events;
  }

  async function isDuplicate(address: string, event: Event | undefined): Promise<boolean> {
    const [result] = await publish(log.transport, address, event === undefined ? [] : [event]);
    if (!result?.ok) throw new Error("not stored");
    return result.duplicate === true;
  }

  async function expectRemembered(address: string, events: number): Promise<void> {
    await eventually(() => {
      const remembered = rememberedEvents(log, address);
      expect(remembered).toBeLessThanOrEqual(events + STEP);
      expect(remembered).toBeGreaterThan(events - STEP);
    });
  }

  it("let a topic forget its oldest events, across a restart too, and never its newest", async () => {
    const address = await log.topic(DEDUPE);
    const events = await fill(address, 4_000);
    await expectRemembered(address, BOUNDS.topicEvents);
    expect(await isDuplicate(address, events[0])).toBe(false);
    await log.restart();
    expect(await isDuplicate(address, events.at(-1))).toBe(true);
    await log.transport.deprovision(address);
  });

  it("let the topics that remember most forget first when it is too much together", async () => {
    const [small, large, larger] = [await log.topic(DEDUPE), await log.topic(DEDUPE), await log.topic(DEDUPE)];
    const few = await fill(small, 500);
    const many = await fill(large, 2_900);
    const more = await fill(larger, 2_900);
    await expectRemembered(large, 2_250);
    await expectRemembered(larger, 2_250);
    expect(await isDuplicate(small, few[0])).toBe(true);
    expect(await isDuplicate(large, many[0])).toBe(false);
    expect(await isDuplicate(larger, more[0])).toBe(false);
    expect(await isDuplicate(larger, more.at(-1))).toBe(true);
  });
});

/** In the file. */
function rememberedEvents(log: EmbeddedLog, address?: string): number {
  const file = new Driver(databasePath(log.directory), { readonly: true });
  try {
    const sql = `SELECT ifnull(sum(length(identities)), 0) / 16 AS events FROM embedded_identities
      WHERE @address IS NULL OR topic = (SELECT id FROM embedded_topics WHERE address = @address)`;
    return (file.prepare(sql).get({ address: address ?? null }) as { events: number }).events;
  } finally {
    file.close();
  }
}
