/** Topics: create, delete, look at, browse and trace. */
import type { Bus } from "../../bus/bus.ts";
import { PulsebusError } from "../../errors.ts";
import type { Start } from "../../transport/port.ts";
import type { Query } from "./query.ts";
import { withoutShown } from "./request-body.ts";
import { type ApiRequest, jsonAnswer, NO_CONTENT, type Route } from "./route.ts";
import { itemView, pageView, topicView, traceView } from "./views.ts";

const START_PARAMETERS = ["from", "time", "position", "cursor"];
/** What `GET` shows and `PUT` does not take. */
const SHOWN = ["name", "origin", "state", "reason", "stats"];

export function topicRoutes(bus: Bus): Route[] {
  return [
    {
      method: "GET",
      path: "/topics",
      query: ["cursor", "limit"],
      handle: async ({ query }) => jsonAnswer(200, pageView(await bus.topics(query.page()), topicView)),
    },
    {
      method: "GET",
      path: "/topics/{topic}",
      query: [],
      handle: async (request) => jsonAnswer(200, topicView(await bus.topic(request.param("topic")))),
    },
    {
      method: "PUT",
      path: "/topics/{topic}",
      query: [],
      handle: async (request) => {
        const input = withoutShown(await request.json(), SHOWN);
        const { created, topic } = await bus.createTopic(request.param("topic"), input);
        return jsonAnswer(created ? 201 : 200, topicView(topic));
      },
    },
    {
      method: "DELETE",
      path: "/topics/{topic}",
      query: [],
      handle: async (request) => {
        await bus.deleteTopic(request.param("topic"));
        return NO_CONTENT;
      },
    },
    {
      method: "GET",
      path: "/topics/{topic}/events",
      query: [...START_PARAMETERS, "limit"],
      handle: (request) => browse(bus, request),
    },
    {
      method: "GET",
      path: "/topics/{topic}/trace",
      query: ["source", "id"],
      handle: async (request) => {
        const identity = { source: request.query.required("source"), id: request.query.required("id") };
        return jsonAnswer(200, traceView(await bus.trace(request.param("topic"), identity)));
      },
    },
  ];
}

async function browse(bus: Bus, request: ApiRequest) {
  const page = await bus.browse(request.param("topic"), startOf(request.query), request.query.limit());
  return jsonAnswer(200, pageView(page, itemView));
}

/** The oldest event unless one of the parameters says otherwise; `cursor` is what `next` of the page before said. */
function startOf(query: Query): Start {
  const [given, second] = START_PARAMETERS.filter((name) => query.text(name) !== undefined);
  if (second !== undefined) {
    throw new PulsebusError("invalid-request", `give only one of the query parameters ${START_PARAMETERS.join(", ")}`, {
      at: second,
    });
  }
  if (given === "time") return { at: "time", time: new Date(query.time(given) ?? 0) };
  if (given === "position" || given === "cursor") return { at: "position", position: query.required(given) };
  return { at: query.choice("from", ["earliest", "latest"]) ?? "earliest" };
}
