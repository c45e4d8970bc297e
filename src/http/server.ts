/**
 * The HTTP server. Publishing goes straight to `publish.ts`; everything else goes to the management API, which is loaded
 * once the port is open, so that a start need not wait for express.
 *
 * Draining: no new connections, idle ones are closed, requests under way are answered with `Connection: close`. A
 * request that still comes on an open connection is told `draining`.
 */
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Bus } from "../bus/bus.ts";
import type { Plan } from "../config/plan.ts";
import { PulsebusError } from "../errors.ts";
import {
  CONNECTIONS_CHECK_MS,
  CONNECTIONS_MAX,
  DRAIN_SWEEP_MS,
  HEADER_BYTES_MAX,
  HEADER_COUNT_MAX,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MANAGEMENT_BODY_BYTES_MAX,
  REQUEST_TIMEOUT_MS,
  REQUESTS_PER_CONNECTION_MAX,
} from "../limits.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ApiContext } from "./api/app.ts";
import { answerClientError } from "./client-error.ts";
import { DrainableServer } from "./drainable-server.ts";
import { isLoopbackHost, openGuard } from "./guard.ts";
import { Lifecycle } from "./lifecycle.ts";
import { problemOf, writeProblem } from "./problem.ts";
import { PublishHandler, publishTarget } from "./publish.ts";

export interface ServerContext {
  readonly bus: Bus;
  readonly plan: Pick<Plan, "server" | "limits">;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly version: string;
}

export interface HttpServer {
  /** Where it listens, with the port that was taken. */
  readonly url: string;
  /** Answers what is under way and closes all connections; those that are still open at `deadline` (milliseconds since the epoch) are cut. */
  drain(deadline: number): Promise<void>;
  /** Cuts all connections. May be called after `drain`, and again. */
  close(): Promise<void>;
}

/** Throws `invalid-configuration` when the address can't be listened on. */
export async function openServer(context: ServerContext): Promise<HttpServer> {
  const { plan, logger } = context;
  const server = new DrainableServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    noDelay: true,
  });
  server.maxHeadersCount = HEADER_COUNT_MAX;
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX;
  server.maxConnections = CONNECTIONS_MAX;
  const address = await listen(server, plan.server);
  const isLoopback = isLoopbackHost(address.address);
  if (!isLoopback) warnOfOpenDoor(address, logger);
  const lifecycle = new Lifecycle();
  attach(server, context, lifecycle, isLoopback);
  return handleOf(server, address, lifecycle);
}

async function listen(server: Server, { host, port }: Plan["server"]): Promise<AddressInfo> {
  try {
    server.listen({ host, port });
    await once(server, "listening");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PulsebusError("invalid-configuration", `can't listen on ${host}, port ${port}: ${reason}`, {
      at: "/server",
      cause,
    });
  }
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has no address");
  return address;
}

function warnOfOpenDoor({ address, port }: AddressInfo, logger: Logger): void {
  logger.warn(
    { address, port },
    "NO AUTHENTICATION: whoever reaches this address can publish, read and delete everything. Listen on 127.0.0.1, or put a proxy in front that authenticates.",
  );
}

function attach(server: Server, context: ServerContext, lifecycle: Lifecycle, isLoopback: boolean): void {
  const { bus, plan, metrics, logger } = context;
  const shared = { bus, lifecycle, logger, guard: openGuard(isLoopback) };
  const publish = new PublishHandler({ ...shared, limits: plan.limits, metrics: metrics.publish });
  const manage = managementHandler({ ...shared, metrics, version: context.version });

  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    const target = req.method === "POST" ? publishTarget(req.url ?? "") : undefined;
    if (req.rawHeaders.length >= 2 * HEADER_COUNT_MAX) {
      writeProblem(
        res,
        problemOf(
          new PulsebusError("too-large", `the request has more than ${HEADER_COUNT_MAX - 1} header lines`),
          logger,
        ),
      );
    } else if (target === undefined) manage(req, res);
    else publish.handle(req, res, target);
  };
  const bodyBytesMax = Math.max(plan.limits.batchBytes, plan.limits.eventBytes, MANAGEMENT_BODY_BYTES_MAX);
  server.on("request", handle);
  // A sender that asks first is not invited to send what will be refused.
  server.on("checkContinue", (req: IncomingMessage, res: ServerResponse) => {
    if (!(Number(req.headers["content-length"]) > bodyBytesMax)) res.writeContinue();
    handle(req, res);
  });
  server.on("clientError", (error, socket) => answerClientError(error, socket, logger));
}

type Listener = (req: IncomingMessage, res: ServerResponse) => void;

function managementHandler(context: ApiContext): Listener {
  const app: Promise<Listener> = import("./api/app.ts").then(({ createApp }) => createApp(context));
  return (req, res) => {
    app.then(
      (listener) => listener(req, res),
      (error) => writeProblem(res, problemOf(error, context.logger)),
    );
  };
}

function handleOf(server: Server, { address, family, port }: AddressInfo, lifecycle: Lifecycle): HttpServer {
  const closed = once(server, "close");
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    async drain(deadline) {
      lifecycle.drain();
      server.close();
      // Not all were idle when draining began, and some of those were told before that they may stay open.
      const sweep = setInterval(() => server.closeIdleConnections(), DRAIN_SWEEP_MS);
      const cut = setTimeout(() => server.closeAllConnections(), Math.max(0, deadline - Date.now()));
      await closed;
      clearInterval(sweep);
      clearTimeout(cut);
    },
    async close() {
      lifecycle.drain();
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
