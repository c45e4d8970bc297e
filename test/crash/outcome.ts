/** Publishes over HTTP, and says what is known of the events afterwards. */
import { publish, publishBatch, type Reply, type TestEvent } from "../support/http.ts";
import type { Outcome } from "./ledger.ts";

/** One event by itself, or several as a batch. Never rejects: a connection that fails leaves the outcome unknown. */
export function publishEvents(url: string, topic: string, events: readonly TestEvent[]): Promise<Outcome> {
  const [first] = events;
  const sent =
    first !== undefined && events.length === 1 ? publish(url, topic, first) : publishBatch(url, topic, events);
  return sent.then(outcomeOf, () => "unknown");
}

function outcomeOf({ status }: Reply): Outcome {
  if (status === 202) return "accepted";
  // A server error may have stored some of a batch.
  return status >= 500 ? "unknown" : "refused";
}
