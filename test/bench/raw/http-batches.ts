/** Fills a topic of the embedded log, which has no client but the bus itself: batches over HTTP, one after the other. */
import { type CarriedEvents, SAME_ATTRIBUTES } from "../harness/carried-event.ts";

const BATCH_EVENTS = 500;
const SAME_JSON = JSON.stringify(SAME_ATTRIBUTES).slice(0, -1);

export async function publishBatches(url: string, events: CarriedEvents, count: number): Promise<void> {
  for (let from = 0; from < count; from += BATCH_EVENTS) {
    const length = Math.min(BATCH_EVENTS, count - from);
    const body = Array.from({ length }, (_, index) => jsonOf(events, from + index)).join(",");
    const headers = { "content-type": "application/cloudevents-batch+json" };
    const response = await fetch(url, { method: "POST", headers, body: `[${body}]` });
    const answer = await response.text();
    if (!response.ok) throw new Error(`a batch was answered ${response.status}: ${answer}`);
  }
}

function jsonOf(events: CarriedEvents, sequence: number): string {
  const own = `"id":"${events.id(sequence)}","partitionkey":"${events.key(sequence)}"`;
  return `${SAME_JSON},${own},"data":${events.data(sequence).toString("latin1")}}`;
}
