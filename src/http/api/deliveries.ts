/** What is owed, and what gave up: deliveries and dead letters of one subscription. */
import type { Bus } from "../../bus/bus.ts";
import { PulsebusError } from "../../errors.ts";
import { OUTCOME_RING_MAX } from "../../limits.ts";
import { DEAD_LETTER_CONDITIONS, filterOfQuery, IDENTITY_CONDITIONS } from "./delivery-filter.ts";
import { type Answer, type ApiRequest, jsonAnswer, type Route } from "./route.ts";
import { readSelection } from "./selection.ts";
import { deadLetterView, deliveryView, outcomeView, pageView, withHistory } from "./views.ts";

const DELIVERIES = "/subscriptions/{id}/deliveries";
const DEAD_LETTERS = "/subscriptions/{id}/dead-letters";
const RECENT_NOTE = `The last ${OUTCOME_RING_MAX} outcomes, kept in memory only: a restart loses them.`;

export function deliveryRoutes(bus: Bus): Route[] {
  return [
    {
      method: "GET",
      path: DELIVERIES,
      query: [...IDENTITY_CONDITIONS, "cursor", "limit"],
      handle: (request) => listDeliveries(bus, request),
    },
    {
      method: "GET",
      path: `${DELIVERIES}/{deliveryId}`,
      query: [],
      handle: async (request) =>
        jsonAnswer(200, withHistory(await bus.delivery(request.param("id"), request.param("deliveryId")))),
    },
    {
      method: "GET",
      path: DEAD_LETTERS,
      query: [...DEAD_LETTER_CONDITIONS, "cursor", "limit"],
      handle: async (request) => {
        const { query } = request;
        const page = await bus.deadLetters(
          request.param("id"),
          filterOfQuery(query, DEAD_LETTER_CONDITIONS),
          query.page(),
        );
        return jsonAnswer(200, pageView(page, deadLetterView));
      },
    },
    {
      method: "GET",
      path: `${DEAD_LETTERS}/{deliveryId}`,
      query: [],
      handle: (request) => showDeadLetter(bus, request),
    },
    {
      method: "POST",
      path: `${DEAD_LETTERS}/redrive`,
      query: [],
      handle: async (request) =>
        jsonAnswer(202, await bus.redrive(request.param("id"), readSelection(await request.json()))),
    },
    {
      method: "POST",
      path: `${DEAD_LETTERS}/discard`,
      query: [],
      handle: async (request) =>
        jsonAnswer(202, await bus.discard(request.param("id"), readSelection(await request.json()))),
    },
  ];
}

async function listDeliveries(bus: Bus, request: ApiRequest): Promise<Answer> {
  const { query } = request;
  const filter = filterOfQuery(query, IDENTITY_CONDITIONS);
  const { parked, inFlight, recent } = await bus.deliveries(request.param("id"), filter, query.page());
  return jsonAnswer(200, {
    ...pageView(parked, deliveryView),
    inFlight: inFlight.map(outcomeView),
    recent: { note: RECENT_NOTE, items: recent.map(outcomeView) },
  });
}

async function showDeadLetter(bus: Bus, request: ApiRequest): Promise<Answer> {
  const id = request.param("deliveryId");
  const row = await bus.delivery(request.param("id"), id);
  if (row.state !== "dead") throw new PulsebusError("unknown-delivery", `there is no dead letter "${id}"`);
  return jsonAnswer(200, withHistory(row));
}
