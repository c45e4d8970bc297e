/**
 * Where a replay begins and ends. Positions are opaque, so the end is found in one of two ways: where a topic as a whole
 * keeps its order, at the event with the position asked for, or at the first one that was stored later than the time
 * asked for. Elsewhere (the partitions of a topic are read side by side) a position stands for the time at which its
 * event was stored, and all of the topic is read for what is not later.
 *
 * Unless the range ends before, it ends with the newest event that is stored when it is resolved: what comes later is
 * delivered without it.
 */
import { PulsebusError } from "../errors.ts";
import { REPLAY_CLOCK_SKEW_MS } from "../limits.ts";
import { faultAt } from "../pointer.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Item, Position, Start, Transport } from "../transport/port.ts";
import type { ReplayPoint, ReplayRequest } from "./bus.ts";
import { asPulsebusError } from "./context.ts";

export interface ReplaySource {
  readonly transport: Transport;
  /** The transport's name. */
  readonly name: string;
  readonly address: string;
}

/** One of them is set; both are inclusive. */
export interface ReplayEnd {
  /** Nothing that was stored later belongs to it, milliseconds since the epoch. */
  readonly time: number | undefined;
  /** The last event of it, in a topic that keeps its order. */
  readonly position: Position | undefined;
}

/** Throws `not-supported`, or `invalid-request` for a position that is none of the topic. */
export async function resolveEnd({ from, to }: ReplayRequest, source: ReplaySource, clock: Clock): Promise<ReplayEnd> {
  refuseUnreadable(source, from, to);
  const start = startOf(from);
  if (start.at === "position") await itemAt(source, start, "/from/position");
  const newest = await newestAt(source, clock);
  if (to === undefined) return { time: newest, position: undefined };
  if ("time" in to) return { time: Math.min(to.time, newest), position: undefined };
  const last = await itemAt(source, startOf(to), "/to/position");
  if (last?.position !== to.position) {
    throw faultAt("invalid-request", "/to/position", `there is no event at "${to.position}" any more`);
  }
  if (keepsOrder(source)) return { time: undefined, position: to.position };
  return { time: last.storedAt ?? newest, position: undefined };
}

export function startOf(from: ReplayRequest["from"]): Start {
  if (from === "earliest") return { at: "earliest" };
  if ("time" in from) return { at: "time", time: new Date(from.time) };
  return { at: "position", position: from.position };
}

/** Whether what comes after an event in the topic was stored after it. */
export function keepsOrder({ transport }: ReplaySource): boolean {
  return transport.capabilities.ordering === "topic";
}

export function isAfter({ storedAt }: Item, { time }: ReplayEnd): boolean {
  return time !== undefined && storedAt !== undefined && storedAt > time;
}

function refuseUnreadable({ transport, name }: ReplaySource, from: ReplayRequest["from"], to?: ReplayPoint): void {
  const { replay } = transport.capabilities;
  if (replay === "none") {
    const message = `the transport ${name} keeps nothing that was delivered: give the topic \`archive: true\`, which keeps what comes from then on`;
    throw new PulsebusError("not-supported", message);
  }
  if (replay === "position") return;
  for (const [at, point] of [
    ["/from", from],
    ["/to", to],
  ] as const) {
    if (typeof point !== "object" || !("position" in point)) continue;
    throw faultAt("not-supported", at, `the transport ${name} knows no positions: give a time`);
  }
}

/** The first event there. */
async function itemAt({ transport, address }: ReplaySource, start: Start, at: string): Promise<Item | undefined> {
  try {
    const { items } = await transport.read(address, start, 1);
    return items[0];
  } catch (error) {
    const asked = asPulsebusError(error);
    if (!(asked instanceof PulsebusError) || asked.code !== "invalid-request") throw asked;
    throw faultAt("invalid-request", at, asked.message);
  }
}

/** By the transport's own clock where it can tell. */
async function newestAt({ transport, address }: ReplaySource, clock: Clock): Promise<number> {
  try {
    const { newestAt: newest } = await transport.topicStats(address);
    return newest ?? clock.now() + REPLAY_CLOCK_SKEW_MS;
  } catch (error) {
    throw asPulsebusError(error);
  }
}
