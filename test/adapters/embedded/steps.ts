/** Steps that the tests of the embedded log share, on top of those of the conformance suite. */
import { expect } from "vitest";
import type { Event } from "../../../src/event/event.ts";
import { idOf } from "../../../src/transport/conformance/events.ts";
import { inTime } from "../../../src/transport/conformance/steps.ts";
import type { Consumer, Item, PublishResult, Transport } from "../../../src/transport/port.ts";

/** For logs whose clock a test has moved. */
const NO_DEADLINE = Number.MAX_SAFE_INTEGER;

export function publish(
  transport: Transport,
  address: string,
  events: readonly Event[],
): Promise<readonly PublishResult[]> {
  return inTime(transport.publisher(address).publish(events, NO_DEADLINE), "publish");
}

/** Positions of the events, which must all be stored. */
export async function store(transport: Transport, address: string, events: readonly Event[]): Promise<string[]> {
  const results = await publish(transport, address, events);
  return results.map((result) => {
    if (!result.ok) throw result.error;
    return result.position ?? "";
  });
}

/** The number of a position, which the log counts from 1. */
export function numberOf({ position }: Pick<Item, "position">): number {
  return Number(position.slice(position.indexOf("-") + 1));
}

/** Nothing is handed out now: neither at once nor within a moment. */
export async function expectNothing(consumer: Consumer): Promise<void> {
  const items = await inTime(consumer.receive(100, AbortSignal.timeout(30)), "an aborted receive");
  expect(items.map(idOf)).toEqual([]);
}
