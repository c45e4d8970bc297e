/** Delivering stored events again. */
import type { Bus, ReplayPoint, ReplayRequest } from "../../bus/bus.ts";
import { isObject } from "../../json-value.ts";
import { REPLAY_RATE_MAX, REPLAY_RATE_MIN } from "../../limits.ts";
import { faultAt } from "../../pointer.ts";
import { parseTime } from "./query.ts";
import { readMembers } from "./request-body.ts";
import { type Answer, type ApiRequest, jsonAnswer, type Route } from "./route.ts";
import { replayView } from "./views.ts";

const START = "/subscriptions/{id}/replay";
const REPLAYS = "/subscriptions/{id}/replays";
const MEMBERS = ["from", "to", "filters", "perSecond"];

export function replayRoutes(bus: Bus): Route[] {
  return [
    { method: "POST", path: START, query: [], handle: (request) => start(bus, request) },
    {
      method: "GET",
      path: REPLAYS,
      query: [],
      handle: async (request) =>
        jsonAnswer(200, { items: bus.replays(request.param("id")).map(replayView), next: null }),
    },
    {
      method: "GET",
      path: `${REPLAYS}/{replay}`,
      query: [],
      handle: async (request) => jsonAnswer(200, replayView(bus.replay(request.param("id"), request.param("replay")))),
    },
    {
      method: "POST",
      path: `${REPLAYS}/{replay}/cancel`,
      query: [],
      handle: async (request) =>
        jsonAnswer(200, replayView(await bus.cancelReplay(request.param("id"), request.param("replay")))),
    },
  ];
}

async function start(bus: Bus, request: ApiRequest): Promise<Answer> {
  const id = request.param("id");
  const started = await bus.startReplay(id, readRequest(await request.json()));
  const location = `/subscriptions/${encodeURIComponent(id)}/replays/${encodeURIComponent(started.id)}`;
  return jsonAnswer(202, replayView(started), { Location: location });
}

function readRequest(body: unknown): ReplayRequest {
  const { from, to, filters, perSecond } = readMembers(body, MEMBERS);
  return {
    from: from === "earliest" ? from : readPoint(from, "/from", 'must be "earliest", '),
    to: to === undefined ? undefined : readPoint(to, "/to", "must be "),
    filters: readFilters(filters),
    perSecond: readRate(perSecond),
  };
}

function readPoint(value: unknown, at: string, must: string): ReplayPoint {
  const { time, position, ...others } = isObject(value) ? value : {};
  const isAlone = Object.keys(others).length === 0 && (time === undefined || position === undefined);
  if (isAlone && typeof time === "string") return { time: parseTime(time, `${at}/time`) };
  if (isAlone && typeof position === "string" && position !== "") return { position };
  throw faultAt("invalid-request", at, `${must}{ "time": "2030-01-31T12:00:00Z" } or { "position": "..." }`);
}

function readFilters(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || Array.isArray(value)) return value;
  throw faultAt("invalid-request", "/filters", "must be an array of filters, as a subscription has them");
}

function readRate(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && value >= REPLAY_RATE_MIN && value <= REPLAY_RATE_MAX) return value;
  throw faultAt("invalid-request", "/perSecond", `must be a number from ${REPLAY_RATE_MIN} to ${REPLAY_RATE_MAX}`);
}
