/** A route of the management API as data: the router, the `Allow` headers and the test of openapi.yaml all read it. */
import type { IncomingHttpHeaders } from "node:http";
import { toJson } from "./json.ts";
import type { Query } from "./query.ts";

type Method = "GET" | "POST" | "PUT" | "DELETE";

export interface Endpoint {
  readonly method: Method;
  /** As OpenAPI writes it: `/topics/{topic}`. */
  readonly path: string;
}

export interface Route extends Endpoint {
  /** The query parameters that it knows; others are refused. */
  readonly query: readonly string[];
  handle(request: ApiRequest): Promise<Answer>;
}

export interface ApiRequest {
  /** A parameter of the path, decoded. */
  param(name: string): string;
  readonly query: Query;
  readonly headers: IncomingHttpHeaders;
  /** The body as JSON; undefined when there is none. */
  json(): Promise<unknown>;
  /** Aborted when nobody waits for the answer any more, or nobody should. */
  signal(): AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { "Content-Type": "application/json", ...headers }, body: toJson(value) };
}

export function textAnswer(contentType: string, body: string): Answer {
  return { status: 200, headers: { "Content-Type": contentType }, body };
}

export const NO_CONTENT: Answer = { status: 204, headers: {}, body: undefined };
