/** What became of events on their way. A bridge adds `bridgevia`, which is no change. */
import { attributeOf, type Event } from "../../src/event/event.ts";
import { type Item, isMalformed } from "../../src/transport/port.ts";
import { type Comparison, differences } from "../support/event-vectors.ts";

export const FLAWLESS = { missing: [], changed: [], repeated: [] };

export function account(published: readonly Event[], items: readonly Item[], comparison: Comparison, hops: number) {
  const malformed = items.flatMap(({ event }) => (isMalformed(event) ? [event.malformed] : []));
  const events = items.flatMap(({ event }) => (isMalformed(event) ? [] : [event]));
  const byId = Map.groupBy(events, ({ id }) => id);
  const changed = published.flatMap((event) =>
    (byId.get(event.id) ?? []).flatMap((arrival) => {
      const changes = [...differences(event, withoutPlaces(arrival), comparison), ...wrongPlaces(arrival, hops)];
      return changes.map((change) => `${event.id}: ${change}`);
    }),
  );
  return {
    missing: published.filter(({ id }) => !byId.has(id)).map(({ id }) => id),
    changed: [...malformed, ...changed],
    repeated: [...byId].filter(([, arrivals]) => arrivals.length > 1).map(([id]) => id),
  };
}

function withoutPlaces(event: Event): Event {
  return { ...event, attributes: event.attributes.filter(({ name }) => name !== "bridgevia") };
}

function wrongPlaces(event: Event, hops: number): string[] {
  const places = attributeOf(event, "bridgevia")?.split(",") ?? [];
  return places.length === hops ? [] : [`bridgevia has ${places.length} places, not ${hops}`];
}
