/** The management API on express: every route of the table, the same answers for what is not in it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { PulsebusError } from "../../errors.ts";
import type { Logger } from "../../runtime/logger.ts";
import { refuseUnread } from "../body.ts";
import type { Guard } from "../guard.ts";
import { problemOf, writeProblem } from "../problem.ts";
import { PUBLISH_ENDPOINTS } from "../publish.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { pullRoutes } from "./pull.ts";
import { Query } from "./query.ts";
import { replayRoutes } from "./replays.ts";
import { readJson } from "./request-body.ts";
import { type Answer, type ApiRequest, type Endpoint, NO_CONTENT, type Route } from "./route.ts";
import { subscriptionRoutes } from "./subscriptions.ts";
import { type SystemContext, systemRoutes } from "./system.ts";
import { topicRoutes } from "./topics.ts";

export interface ApiContext extends SystemContext {
  readonly guard: Guard;
  readonly logger: Logger;
}

export function apiRoutes(context: SystemContext): Route[] {
  const { bus } = context;
  return [
    ...topicRoutes(bus),
    ...subscriptionRoutes(bus),
    ...deliveryRoutes(bus),
    ...pullRoutes(bus),
    ...replayRoutes(bus),
    ...systemRoutes(context),
  ];
}

export function createApp(context: ApiContext): (req: IncomingMessage, res: ServerResponse) => void {
  const app = express();
  app.disable("x-powered-by").enable("strict routing").enable("case sensitive routing");
  app.set("query parser", false);
  app.use((req, _res, next) => {
    context.guard(req.headers);
    next();
  });
  for (const [path, endpoints] of byPath([...apiRoutes(context), ...PUBLISH_ENDPOINTS])) {
    addPath(app, path, endpoints, context);
  }
  app.use(({ path }) => {
    throw new PulsebusError("not-found", `there is nothing at ${path}; /openapi.yaml says what there is`);
  });
  app.use((error: unknown, req: Request, res: Response, _next: NextFunction) => fail(error, req, res, context));
  return app;
}

/** Publishing has a path of its own and only counts for `Allow` here. */
type ListedEndpoint = Route | Endpoint;

/** In the order in which express tries them: a fixed segment before a parameter, as `{` sorts after all of their letters. */
function byPath(endpoints: readonly ListedEndpoint[]): readonly (readonly [path: string, ListedEndpoint[]])[] {
  return [...Map.groupBy(endpoints, ({ path }) => path)].sort(([a], [b]) => (a < b ? -1 : 1));
}

function addPath(app: Express, path: string, endpoints: readonly ListedEndpoint[], context: ApiContext): void {
  const resource = app.route(path.replaceAll(/\{(\w+)\}/g, ":$1"));
  for (const endpoint of endpoints) {
    if (!("handle" in endpoint)) continue;
    resource[METHOD_NAMES[endpoint.method]](async (req: Request, res: Response) => {
      send(res, await endpoint.handle(apiRequest(req, res, endpoint, context)), context);
    });
  }
  const allow = allowOf(endpoints);
  resource.options((_req: Request, res: Response) => send(res, { ...NO_CONTENT, headers: { Allow: allow } }, context));
  resource.all((req: Request, res: Response) => {
    res.setHeader("Allow", allow);
    throw new PulsebusError("method-not-allowed", `${req.method} is not allowed here; allowed are ${allow}`);
  });
}

const METHOD_NAMES = { GET: "get", POST: "post", PUT: "put", DELETE: "delete" } as const;

function allowOf(endpoints: readonly Endpoint[]): string {
  const methods = endpoints.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return [...methods, "OPTIONS"].join(", ");
}

function apiRequest(req: Request, res: Response, { query }: Route, { lifecycle }: ApiContext): ApiRequest {
  const start = req.url.indexOf("?");
  return {
    param: (name) => String(req.params[name]),
    query: new Query(new URLSearchParams(start === -1 ? "" : req.url.slice(start)), query),
    headers: req.headers,
    json: () => readJson(req),
    signal: () => {
      const closed = new AbortController();
      res.once("close", () => closed.abort());
      return AbortSignal.any([closed.signal, lifecycle.drained]);
    },
  };
}

function send(res: Response, { status, headers, body }: Answer, { lifecycle }: ApiContext): void {
  lifecycle.prepare(res);
  const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
  res.writeHead(status, { ...headers, ...length, ...COMMON_HEADERS }).end(body);
}

/** Nothing here may be kept: all of it changes by itself. */
const COMMON_HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };

function fail(error: unknown, req: Request, res: Response, { lifecycle, logger }: ApiContext): void {
  const problem = problemOf(asUserError(error), logger);
  lifecycle.prepare(res);
  if (problem.status === 413 && !req.complete) refuseUnread(req, res, problem);
  else writeProblem(res, problem);
}

/** Express throws this for a path that is not percent-encoded correctly. */
function asUserError(error: unknown): unknown {
  if (!(error instanceof URIError)) return error;
  return new PulsebusError("invalid-request", "the path is not percent-encoded correctly", { cause: error });
}
