/**
 * How often each event came to each topic, and what the bridges of a bus did. Bridges that have dealt with every event of
 * their topic, and owe nothing, are still for good: what waiting alone can't prove.
 */
import { statusBecomes, subscribe } from "../support/api.ts";
import { publishBatch } from "../support/http.ts";
import type { TestReceiver } from "../support/receiver.ts";
import type { Side } from "./sides.ts";

const BATCH = 100;

/** Ids `prefix-0` to `prefix-(count - 1)`. */
export async function publishEvents(url: string, topic: string, prefix: string, count: number): Promise<void> {
  for (let start = 0; start < count; start += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, count - start) }, (_, at) => start + at);
    const events = numbers.map((number) => ({ id: `${prefix}-${number}`, data: { number } }));
    const { status, body } = await publishBatch(url, topic, events);
    if (status !== 202) throw new Error(`publishing was answered ${status}: ${body}`);
  }
}

/** Has every event of the topic sent to the receiver, under the topic's name. */
export async function watch(url: string, topic: string, receiver: TestReceiver): Promise<void> {
  await subscribe(url, { id: `reader-of-${topic}`, topic, sink: receiver.url(`/${topic}`) });
}

/** How many events came to a topic, and how many different ones. */
export function arrivals(receiver: TestReceiver, topic: string): { readonly all: number; readonly different: number } {
  const ids = receiver.ids(`/${topic}`);
  return { all: ids.length, different: new Set(ids).size };
}

interface Work {
  readonly delivered: number;
  readonly loopDropped: number;
  /** The transport that it reads. */
  readonly from: Side;
}

/** Waits until a bridge has done this much, and owes nothing more. */
export async function settles(url: string, id: string, { from, ...work }: Work, withinMs: number): Promise<void> {
  const backlog = from === "gcp-pubsub" ? null : 0; // which can't tell
  await statusBecomes(url, id, { ...work, backlog, inFlight: 0, parked: 0, deadLetters: 0 }, withinMs);
}
