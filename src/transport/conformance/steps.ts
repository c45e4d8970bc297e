/** Steps that the cases share. Every wait is bounded and ends by what it waits for. */
import assert from "node:assert/strict";
import type { Event } from "../../event/event.ts";
import type { Consumer, Item, Matcher, PublishResult, Transport, TransportErrorCode } from "../port.ts";
import { TransportError } from "../port.ts";
import type { Harness, Outage } from "./case.ts";
import { idOf, makeEvent } from "./events.ts";

/** No step of a case takes longer on a transport that works. */
const PATIENCE = 30_000;
/** The page that steps receive by. */
const PAGE = 256;
/** More than any adapter keeps ready in memory. */
const BACKLOG = 10_000;
/** Events of one call when many are published. */
const PUBLISH_PAGE = 500;
/** How often a condition is looked at that nothing tells of. */
const LOOK_EVERY = 10;
/** After an outage: the promise is 5 s (on a machine that does nothing else). */
const RECOVERY = 10_000;

export const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

/** A time as `publish` and `close` take it. */
export function soon(ms: number = PATIENCE): number {
  return Date.now() + ms;
}

/** Fails when the work takes longer than a working transport does. */
export async function inTime<T>(work: Promise<T>, what: string, ms: number = PATIENCE): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `${what}: not within ${ms} ms` })), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A fresh topic with a fresh group that reads it from its beginning. */
export async function topicWithGroup(harness: Harness): Promise<{ address: string; group: string }> {
  const address = await harness.address();
  const group = harness.name();
  await harness.transport.createGroup(address, group, { at: "latest" });
  return { address, group };
}

export function openConsumer({ transport }: Harness, address: string, group: string, matcher = EVERYTHING): Consumer {
  return transport.consumer(address, group, { matcher });
}

/** Publishes and expects that everything is stored. */
export async function publishAll({ transport }: Harness, address: string, events: readonly Event[]): Promise<void> {
  const publisher = transport.publisher(address);
  const results = await inTime(publisher.publish(events, soon()), "publish");
  assert.equal(results.length, events.length, "one result per event");
  for (const result of results) assertStored(result);
}

export async function publishInPages(harness: Harness, address: string, events: readonly Event[]): Promise<void> {
  for (let at = 0; at < events.length; at += PUBLISH_PAGE) {
    await publishAll(harness, address, events.slice(at, at + PUBLISH_PAGE));
  }
}

/** Does the work while nothing gets through; afterwards everything does again, also when the work failed. */
export async function duringOutage(harness: Harness, kind: Outage, work: () => Promise<void>): Promise<void> {
  const recover = await harness.outage?.(kind);
  assert.ok(recover !== undefined, "a harness with outages");
  try {
    await work();
  } finally {
    await inTime(recover(), "the end of an outage");
  }
}

/** Publishes one by one after an outage: each until it is stored, so that one may be stored twice. */
export async function publishRecovered(
  { transport }: Harness,
  address: string,
  events: readonly Event[],
): Promise<void> {
  const publisher = transport.publisher(address);
  const deadline = soon(RECOVERY);
  for (const event of events) {
    for (;;) {
      const [result] = await inTime(publisher.publish([event], soon(1_000)), "publish", 2_000);
      if (result?.ok) break;
      assert.ok(Date.now() < deadline, `nothing is stored within ${RECOVERY} ms after the outage`);
      await pause(LOOK_EVERY); // a transport that knows of the outage refuses at once
    }
  }
}

export function backlogOf({ backlog = BACKLOG }: Harness): number {
  return backlog;
}

/** Waits for a condition that nothing tells of. */
export async function until(isTrue: () => boolean, what: string, ms: number = PATIENCE): Promise<void> {
  const deadline = soon(ms);
  while (!isTrue()) {
    assert.ok(Date.now() < deadline, `${what}: not within ${ms} ms`);
    await pause(LOOK_EVERY);
  }
}

/** As `until`, for what must be so soon after an outage. */
export function untilRecovered(isTrue: () => boolean, what: string): Promise<void> {
  return until(isTrue, `${what} after the outage`, RECOVERY);
}

/** As `untilRecovered`, for a call that fails until then. */
export async function untilItResolves(call: () => Promise<unknown>, what: string): Promise<void> {
  const deadline = soon(RECOVERY);
  for (;;) {
    const outcome = await inTime(Promise.allSettled([call()]), what);
    if (outcome[0].status === "fulfilled") return;
    assert.ok(Date.now() < deadline, `${what} after the outage: ${outcome[0].reason}`);
    await pause(LOOK_EVERY);
  }
}

/** Topics can be created again too, which not every client does over the connection that publishes. */
export function untilManageable(harness: Harness): Promise<void> {
  return untilItResolves(() => topicWithGroup(harness), "creating a topic and a group");
}

/** How long something lasts, not a wait for something. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function assertStored(result: PublishResult | undefined): asserts result is PublishResult & { ok: true } {
  if (result === undefined) assert.fail("a result is missing");
  if (!result.ok) assert.fail(`not stored: ${result.error.code} ${result.error.message}`);
}

export function assertRefused(result: PublishResult | undefined, code: TransportErrorCode): void {
  if (result === undefined) assert.fail("a result is missing");
  if (result.ok) assert.fail(`stored, where ${code} was expected`);
  assert.equal(result.error.code, code);
  assert.equal(result.stored, "no");
}

export async function assertRejects(
  work: Promise<unknown>,
  code: TransportErrorCode,
  what: string,
): Promise<TransportError> {
  try {
    await inTime(work, what);
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    assert.equal(error.code, code, what);
    return error;
  }
  return assert.fail(`${what}: did not reject with ${code}`);
}

/** The next one to `max` items. */
export async function receive(consumer: Consumer, max = PAGE): Promise<readonly Item[]> {
  const items = await inTime(consumer.receive(max, new AbortController().signal), "receive");
  assert.ok(items.length >= 1 && items.length <= max, `receive(${max}) gave ${items.length} items`);
  return items;
}

/** Exactly `count` items, left unsettled. */
export async function receiveCount(consumer: Consumer, count: number): Promise<Item[]> {
  const items: Item[] = [];
  while (items.length < count) items.push(...(await receive(consumer, Math.min(PAGE, count - items.length))));
  return items;
}

export async function receiveAndAck(consumer: Consumer, count: number): Promise<Item[]> {
  const items: Item[] = [];
  while (items.length < count) {
    const page = await receive(consumer, Math.min(PAGE, count - items.length));
    ackAll(consumer, page);
    items.push(...page);
  }
  return items;
}

export function ackAll(consumer: Consumer, items: readonly Item[]): void {
  for (const item of items) assert.equal(consumer.settle(item, "ack"), true, "an ack in time is taken");
}

export function releaseAll(consumer: Consumer, items: readonly Item[]): void {
  for (const item of items) assert.equal(consumer.settle(item, "release"), true, "a release in time is taken");
}

/**
 * Nothing but a marker comes, which is published now and acked; and nothing after it for as long as the transport might
 * need to redeliver.
 */
export async function assertQuiet(harness: Harness, address: string, consumer: Consumer): Promise<void> {
  const marker = makeEvent();
  await publishAll(harness, address, [marker]);
  for (const item of await receive(consumer)) {
    assert.equal(idOf(item), marker.id, "an event came that was settled before");
    consumer.settle(item, "ack");
  }
  const more = await inTime(consumer.receive(PAGE, AbortSignal.timeout(harness.quietMs)), "an aborted receive");
  assert.deepEqual(more.map(idOf), [], "nothing comes after the marker");
}

/** Whether the transport still works from end to end on this topic. */
export async function assertFlows(transport: Transport, address: string, consumer: Consumer): Promise<void> {
  const event = makeEvent();
  const [result] = await inTime(transport.publisher(address).publish([event], soon()), "publish");
  assertStored(result);
  const [item] = await receiveAndAck(consumer, 1);
  assert.equal(item === undefined ? undefined : idOf(item), event.id);
}
