/** Subscriptions: the resource and its life. */
import type { Bus, SubscriptionView } from "../../bus/bus.ts";
import { PulsebusError } from "../../errors.ts";
import { isObject } from "../../json-value.ts";
import { PAUSE_REASON_CHARS_MAX } from "../../limits.ts";
import { withoutShown } from "./request-body.ts";
import { etagOf, expectedRevision } from "./revision.ts";
import { type Answer, type ApiRequest, jsonAnswer, NO_CONTENT, type Route } from "./route.ts";
import { pageView, subscriptionView } from "./views.ts";

const ONE = "/subscriptions/{id}";
/** What `GET` shows and `PUT` does not take. */
const SHOWN = ["origin", "revision", "warnings", "status"];

export function subscriptionRoutes(bus: Bus): Route[] {
  return [
    {
      method: "GET",
      path: "/subscriptions",
      query: ["topic", "cursor", "limit"],
      handle: async ({ query }) => {
        const topic = query.text("topic");
        const page = await bus.subscriptions({ ...query.page(), ...(topic === undefined ? {} : { topic }) });
        return jsonAnswer(200, pageView(page, subscriptionView));
      },
    },
    {
      method: "POST",
      path: "/subscriptions",
      query: [],
      handle: async (request) => {
        const created = await bus.createSubscription(await request.json());
        const location = `/subscriptions/${encodeURIComponent(created.subscription.id)}`;
        return subscriptionAnswer(201, created, { Location: location });
      },
    },
    {
      method: "GET",
      path: ONE,
      query: [],
      handle: async (request) => subscriptionAnswer(200, await bus.subscription(request.param("id"))),
    },
    {
      method: "PUT",
      path: ONE,
      query: [],
      handle: async (request) => {
        const revision = expectedRevision(request.headers["if-match"]);
        const input = withoutShown(await request.json(), SHOWN);
        return subscriptionAnswer(200, await bus.replaceSubscription(request.param("id"), input, revision));
      },
    },
    {
      method: "DELETE",
      path: ONE,
      query: [],
      handle: async (request) => {
        await bus.deleteSubscription(request.param("id"), expectedRevision(request.headers["if-match"]));
        return NO_CONTENT;
      },
    },
    {
      method: "POST",
      path: `${ONE}/pause`,
      query: [],
      handle: async (request) => {
        const reason = await readReason(request);
        return subscriptionAnswer(200, await bus.pause(request.param("id"), reason));
      },
    },
    {
      method: "POST",
      path: `${ONE}/resume`,
      query: [],
      handle: async (request) => subscriptionAnswer(200, await bus.resume(request.param("id"))),
    },
    {
      method: "POST",
      path: `${ONE}/test`,
      query: [],
      handle: async (request) => {
        const { outcome, status, detail } = await bus.test(request.param("id"));
        return jsonAnswer(200, { outcome, status: status ?? null, detail });
      },
    },
  ];
}

function subscriptionAnswer(
  status: number,
  view: SubscriptionView,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return jsonAnswer(status, subscriptionView(view), { ETag: etagOf(view.revision), ...headers });
}

/** `{ "reason": "..." }`, or no body. */
async function readReason(request: ApiRequest): Promise<string> {
  const body = await request.json();
  if (body === undefined) return "paused through the API";
  const { reason, ...others } = isObject(body) ? body : {};
  const isShort = typeof reason === "string" && reason.length > 0 && reason.length <= PAUSE_REASON_CHARS_MAX;
  if (isShort && Object.keys(others).length === 0) return reason;
  throw new PulsebusError(
    "invalid-request",
    `the body must be empty or { "reason": "1 to ${PAUSE_REASON_CHARS_MAX} characters" }`,
    { at: "/reason" },
  );
}
