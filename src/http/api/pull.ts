/** Fetching deliveries, and saying what came of them. */
import type { Bus } from "../../bus/bus.ts";
import { PULL_DELAY_MS_MAX, PULL_DELIVERIES_MAX, PULL_REASON_CHARS_MAX, PULL_WAIT_MS_MAX } from "../../limits.ts";
import { faultAt } from "../../pointer.ts";
import { parseDurationBetween } from "../../units.ts";
import { readMembers } from "./request-body.ts";
import { type Answer, type ApiRequest, jsonAnswer, NO_CONTENT, type Route } from "./route.ts";
import { pulledView } from "./views.ts";

const ONE = "/subscriptions/{id}";
const DEFAULT_WAIT = "20s";

export function pullRoutes(bus: Bus): Route[] {
  return [
    { method: "POST", path: `${ONE}/receive`, query: [], handle: (request) => receive(bus, request) },
    {
      method: "POST",
      path: `${ONE}/ack`,
      query: [],
      handle: async (request) => {
        const { locks } = readMembers(await request.json(), ["locks"]);
        bus.settlePulled(request.param("id"), readLocks(locks), { kind: "ack" });
        return NO_CONTENT;
      },
    },
    {
      method: "POST",
      path: `${ONE}/release`,
      query: [],
      handle: async (request) => {
        const { locks, delay, reason } = readMembers(await request.json(), ["locks", "delay", "reason"]);
        const delayMs = delay === undefined ? undefined : readDuration(delay, "/delay", PULL_DELAY_MS_MAX);
        const outcome = { kind: "release", delayMs, reason: readReason(reason) } as const;
        bus.settlePulled(request.param("id"), readLocks(locks), outcome);
        return NO_CONTENT;
      },
    },
    {
      method: "POST",
      path: `${ONE}/reject`,
      query: [],
      handle: async (request) => {
        const { locks, reason } = readMembers(await request.json(), ["locks", "reason"]);
        bus.settlePulled(request.param("id"), readLocks(locks), { kind: "reject", reason: readReason(reason) });
        return NO_CONTENT;
      },
    },
    {
      method: "POST",
      path: `${ONE}/renew`,
      query: [],
      handle: async (request) => {
        const { locks: given } = readMembers(await request.json(), ["locks"]);
        const locks = readLocks(given);
        const renewed = bus.renewPulled(request.param("id"), locks);
        const items = locks.map((lock, index) => ({ lock, expiresAt: new Date(renewed[index] ?? 0).toISOString() }));
        return jsonAnswer(200, { items });
      },
    },
  ];
}

async function receive(bus: Bus, request: ApiRequest): Promise<Answer> {
  const { max = 1, wait = DEFAULT_WAIT } = readMembers((await request.json()) ?? {}, ["max", "wait"]);
  if (typeof max !== "number" || !Number.isInteger(max) || max < 1 || max > PULL_DELIVERIES_MAX) {
    throw faultAt("invalid-request", "/max", `must be a whole number from 1 to ${PULL_DELIVERIES_MAX}`);
  }
  const waitMs = readDuration(wait, "/wait", PULL_WAIT_MS_MAX);
  const pulled = await bus.receive(request.param("id"), { max, waitMs }, request.signal());
  return jsonAnswer(200, { items: pulled.map(pulledView) });
}

function readLocks(value: unknown): readonly string[] {
  const isList = Array.isArray(value) && value.length > 0 && value.length <= PULL_DELIVERIES_MAX;
  if (isList && value.every((lock) => typeof lock === "string")) return value;
  throw faultAt("invalid-request", "/locks", `must be an array of 1 to ${PULL_DELIVERIES_MAX} locks`);
}

function readDuration(value: unknown, at: string, maxMs: number): number {
  if (typeof value === "string") return parseDurationBetween(value, 0, maxMs, at);
  throw faultAt("invalid-request", at, "must be a duration such as 500ms or 20s");
}

function readReason(value: unknown): string {
  if (value === undefined) return "no reason given";
  if (typeof value === "string" && value.length <= PULL_REASON_CHARS_MAX) return value;
  throw faultAt("invalid-request", "/reason", `must be a string of at most ${PULL_REASON_CHARS_MAX} characters`);
}
