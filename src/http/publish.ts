/**
 * The publish path: HOT. One request travels
 *
 *   guard, size ─▶ body ─▶ topic ─▶ decode ─▶ publish ─▶ 202
 *
 * on bare `node:http`; it waits for the body and for the transport, and for nothing else once its topic is known. The
 * answer is 202 only after the transport stored every event durably; a malformed event refuses its whole batch before
 * anything of it is stored. When the client goes away before its body is complete, nothing happens.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Bus, OpenTopic } from "../bus/bus.ts";
import { PulsebusError } from "../errors.ts";
import type { Event } from "../event/event.ts";
import { decodeHttp } from "../event/http.ts";
import { recordBytes } from "../event/record.ts";
import type { Logger } from "../runtime/logger.ts";
import type { PublishMetrics } from "../telemetry/metrics.ts";
import type { PublishResult } from "../transport/port.ts";
import { readBody, refuseUnread } from "./body.ts";
import type { Guard } from "./guard.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { type Problem, problemOf, writeProblem } from "./problem.ts";
import { codeOf, publishFailure, storedBody } from "./publish-outcome.ts";

export interface PublishContext {
  readonly bus: Pick<Bus, "openTopic">;
  readonly limits: { readonly eventBytes: number; readonly batchBytes: number };
  readonly metrics: PublishMetrics;
  readonly lifecycle: Lifecycle;
  readonly guard: Guard;
  readonly logger: Logger;
}

export interface PublishTarget {
  /** As in the URL, percent-encoded. */
  readonly topic: string;
  /** Without the question mark. */
  readonly query: string;
}

/** One request under way. */
interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly target: PublishTarget;
  readonly startedAt: number;
  /** Set once it is found. */
  topic: OpenTopic | undefined;
}

/** The two addresses of publishing, for whoever lists all endpoints. */
export const PUBLISH_ENDPOINTS = [
  { method: "POST", path: "/" },
  { method: "POST", path: "/topics/{topic}/events" },
] as const;

const ACCEPTED = { "Content-Length": "0" };
const PREFIX = "/topics/";
const SUFFIX = "/events";

/** The topic that a request target publishes to; undefined for other targets. */
export function publishTarget(url: string): PublishTarget | undefined {
  const end = url.indexOf("?");
  const path = end === -1 ? url : url.slice(0, end);
  const query = end === -1 ? "" : url.slice(end + 1);
  if (path === "/") return { topic: "default", query };
  if (!path.startsWith(PREFIX) || !path.endsWith(SUFFIX)) return undefined;
  const topic = path.slice(PREFIX.length, -SUFFIX.length);
  return topic.includes("/") ? undefined : { topic, query };
}

export class PublishHandler {
  readonly #context: PublishContext;

  constructor(context: PublishContext) {
    this.#context = context;
  }

  handle(req: IncomingMessage, res: ServerResponse, target: PublishTarget): void {
    const exchange: Exchange = { req, res, target, startedAt: performance.now(), topic: undefined };
    try {
      this.#admit(req, target.query);
    } catch (error) {
      this.#refuse(exchange, error);
      return;
    }
    const { eventBytes, batchBytes } = this.#context.limits;
    const bytesMax = isBatch(req) ? batchBytes : eventBytes;
    readBody(req, bytesMax, (body, complete) => {
      if (complete) this.#findTopic(exchange, body);
      else this.#refuseLargeBody(exchange, bytesMax);
    });
  }

  #admit(req: IncomingMessage, query: string): void {
    const { lifecycle, guard } = this.#context;
    if (lifecycle.draining) throw new PulsebusError("draining", "the server is shutting down; nothing was stored");
    guard(req.headers);
    if (query === "") return;
    const at = query.split(/[=&]/, 1)[0] ?? "";
    throw new PulsebusError("invalid-request", `publishing takes no query parameters, but got "${at}"`, { at });
  }

  #findTopic(exchange: Exchange, body: Buffer | undefined): void {
    try {
      const topic = this.#context.bus.openTopic(decodeName(exchange.target.topic));
      if (topic instanceof Promise) {
        topic.then(
          (opened) => this.#publish(exchange, opened, body),
          (error) => this.#refuse(exchange, error),
        );
      } else {
        this.#publish(exchange, topic, body);
      }
    } catch (error) {
      this.#refuse(exchange, error);
    }
  }

  #publish(exchange: Exchange, topic: OpenTopic, body: Buffer | undefined): void {
    exchange.topic = topic;
    let events: readonly Event[];
    try {
      events = this.#decode(exchange.req, topic, body);
    } catch (error) {
      this.#refuse(exchange, error);
      return;
    }
    topic.publish(events).then(
      (results) => this.#conclude(exchange, topic, results),
      (error) => this.#refuse(exchange, error),
    );
  }

  #decode(req: IncomingMessage, topic: OpenTopic, body: Buffer | undefined): readonly Event[] {
    const { mode, events } = decodeHttp(req.rawHeaders, body, {
      strict: topic.strict,
      leniency: (name) => count(topic.counters.leniencies, name),
    });
    if (mode === "batch") refuseLargeEvents(events, this.#context.limits.eventBytes);
    return events;
  }

  #conclude(exchange: Exchange, topic: OpenTopic, results: readonly PublishResult[]): void {
    const { counters } = topic;
    for (const result of results) {
      if (!result.ok) count(counters.refused, codeOf(result.error));
      else if (!result.duplicate) counters.published += 1; // the topic counts its duplicates
    }
    const failure = publishFailure(results);
    if (failure === undefined) this.#accept(exchange, topic.dedupes ? storedBody(results) : undefined);
    else this.#answer(exchange, { ...problemOf(failure.error, this.#context.logger), ...failure.members });
  }

  #accept({ res, startedAt }: Exchange, body: Buffer | undefined): void {
    const { lifecycle, metrics } = this.#context;
    metrics.seconds.observe((performance.now() - startedAt) / 1_000);
    lifecycle.prepare(res);
    if (body === undefined) res.writeHead(202, ACCEPTED).end();
    else res.writeHead(202, { "Content-Type": "application/json", "Content-Length": body.length }).end(body);
  }

  /** Nothing of the request was stored. */
  #refuse(exchange: Exchange, error: unknown): void {
    this.#countRefused(exchange, error);
    this.#answer(exchange, problemOf(error, this.#context.logger));
  }

  #refuseLargeBody(exchange: Exchange, bytesMax: number): void {
    const error = new PulsebusError("too-large", `the body is larger than the limit of ${bytesMax} bytes`);
    this.#countRefused(exchange, error);
    refuseUnread(exchange.req, exchange.res, problemOf(error, this.#context.logger));
  }

  #countRefused({ topic }: Exchange, error: unknown): void {
    const code = error instanceof PulsebusError ? error.code : "internal";
    count(topic?.counters.refused ?? this.#context.metrics.refusedWithoutTopic, code);
  }

  #answer({ res }: Exchange, problem: Problem): void {
    this.#context.lifecycle.prepare(res);
    writeProblem(res, problem);
  }
}

/** Decides about the limit alone; the codec reads the content type with care. */
function isBatch(req: IncomingMessage): boolean {
  return req.headers["content-type"]?.toLowerCase().startsWith("application/cloudevents-batch") ?? false;
}

function decodeName(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch (cause) {
    throw new PulsebusError("invalid-request", "the topic's name is not percent-encoded correctly", { cause });
  }
}

function refuseLargeEvents(events: readonly Event[], bytesMax: number): void {
  for (const [index, event] of events.entries()) {
    if ((event.structured?.length ?? recordBytes(event)) > bytesMax) {
      throw new PulsebusError("too-large", `event ${index} is larger than the limit of ${bytesMax} bytes`, { index });
    }
  }
}

function count(counters: Record<string, number>, name: string): void {
  counters[name] = (counters[name] ?? 0) + 1;
}
