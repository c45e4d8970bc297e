/** The server about itself: health, metrics, transports and the description of this API. */
import { readFile } from "node:fs/promises";
import type { Bus } from "../../bus/bus.ts";
import { PulsebusError } from "../../errors.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import type { Lifecycle } from "../lifecycle.ts";
import { type Answer, jsonAnswer, type Route, textAnswer } from "./route.ts";
import { pageView, transportView } from "./views.ts";

export interface SystemContext {
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly version: string;
}

const OPENAPI_FILE = new URL("../../../schemas/openapi.yaml", import.meta.url);

export function systemRoutes(context: SystemContext): Route[] {
  const { bus, metrics, version } = context;
  return [
    {
      method: "GET",
      path: "/healthz",
      query: [],
      handle: async () => jsonAnswer(200, { status: "ok", version }),
    },
    { method: "GET", path: "/readyz", query: [], handle: () => readiness(context) },
    {
      method: "GET",
      path: "/metrics",
      query: [],
      handle: async () => {
        const { contentType, text } = await metrics.scrape();
        return textAnswer(contentType, text);
      },
    },
    {
      method: "GET",
      path: "/openapi.yaml",
      query: [],
      handle: async () => textAnswer("application/yaml", await readFile(OPENAPI_FILE, "utf8")),
    },
    {
      method: "GET",
      path: "/transports",
      query: [],
      handle: async () => jsonAnswer(200, pageView({ items: await bus.transports(), next: undefined }, transportView)),
    },
  ];
}

async function readiness({ bus, lifecycle }: SystemContext): Promise<Answer> {
  if (lifecycle.draining) throw new PulsebusError("draining", "the server is shutting down");
  await bus.ready();
  return jsonAnswer(200, { status: "ready" });
}
