import { describe, expect, it } from "vitest";
import type { Event } from "../../../../src/event/event.ts";
import { decodeHttp } from "../../../../src/event/http.ts";
import type { DeliveryRowWithHistory } from "../../../../src/store/port.ts";
import { json, type Reply, send } from "../../../support/http.ts";
import { expectDocumented } from "../openapi-document.ts";
import { startServerWithTopic } from "../test-server.ts";

const T0 = Date.UTC(2026, 0, 1);

function event(id: string, type = "order.created"): Event {
  const document = `{"specversion":"1.0","id":"${id}","source":"/s","type":"${type}","data":9007199254740993}`;
  const headers = ["content-type", "application/cloudevents+json"];
  const { events } = decodeHttp(headers, Buffer.from(document), { strict: true, leniency() {} });
  const [decoded] = events;
  if (decoded === undefined) throw new Error("no event");
  return decoded;
}

function row(id: string, members: Partial<DeliveryRowWithHistory> = {}): DeliveryRowWithHistory {
  return {
    id,
    subscription: "billing",
    position: "7",
    state: "dead",
    key: undefined,
    scheduled: false,
    uncleanStops: 0,
    event: event(`event-${id}`),
    attempts: 2,
    firstAttemptAt: T0,
    lastAttemptAt: T0 + 1_000,
    dueAt: undefined,
    reason: "exhausted",
    detail: "2 attempts",
    diedAt: T0 + 2_000,
    forwardedAt: undefined,
    lastStatus: 503,
    lastError: undefined,
    lastResponse: "try later",
    history: [
      {
        number: 1,
        startedAt: T0,
        durationMs: 12,
        outcome: "retry",
        status: 503,
        error: undefined,
        response: "try later",
      },
    ],
    ...members,
  };
}

const PARKED = { state: "parked", reason: undefined, detail: undefined, diedAt: undefined, dueAt: T0 + 5_000 } as const;

async function startWithRows(...rows: readonly DeliveryRowWithHistory[]) {
  const server = await startServerWithTopic();
  await server.bus.createSubscription({ id: "billing", topic: "orders", sink: "https://billing.example/" });
  server.bus.rows.push(...rows);
  return { ...server, address: `${server.url}/subscriptions/billing` };
}

function idsOf(reply: Reply): string[] {
  return json<{ items: { id: string }[] }>(reply).items.map(({ id }) => id);
}

describe("GET /subscriptions/{id}/dead-letters", () => {
  it("shows why a delivery gave up, with its event as it came", async () => {
    const { address } = await startWithRows(row("a"));
    const reply = await send(`${address}/dead-letters`);
    expectDocumented("GET /subscriptions/{id}/dead-letters", reply);
    expect(json(reply)).toMatchObject({
      items: [
        {
          id: "a",
          reason: "exhausted",
          detail: "2 attempts",
          attempts: 2,
          firstAttemptAt: "2026-01-01T00:00:00.000Z",
          lastAttemptAt: "2026-01-01T00:00:01.000Z",
          diedAt: "2026-01-01T00:00:02.000Z",
          lastStatus: 503,
          lastResponse: "try later",
          event: { specversion: "1.0", id: "event-a", source: "/s", type: "order.created" },
        },
      ],
      next: null,
    });
    expect(reply.body.toString()).toContain('"data":9007199254740993');
    expect(reply.body.toString()).not.toContain("history");
  });

  it("shows what is no CloudEvent by its headers and bytes", async () => {
    const malformed = { malformed: "no id", headers: [["ce-type", "t"]] as const, bytes: Buffer.from([1, 255]) };
    const { address } = await startWithRows(row("a", { event: malformed, reason: "malformed" }));
    const reply = await send(`${address}/dead-letters`);
    expectDocumented("GET /subscriptions/{id}/dead-letters", reply);
    expect(json(reply)).toMatchObject({
      items: [{ event: null, malformed: { problem: "no id", headers: [["ce-type", "t"]], bytes: "Af8=" } }],
    });
  });

  it("is filtered and paged", async () => {
    const { address } = await startWithRows(
      row("a"),
      row("b", { event: event("b", "order.deleted") }),
      row("c", { reason: "rejected" }),
      row("d", PARKED),
    );
    expect(idsOf(await send(`${address}/dead-letters`))).toEqual(["a", "b", "c"]);
    expect(idsOf(await send(`${address}/dead-letters?type=order.deleted`))).toEqual(["b"]);
    expect(idsOf(await send(`${address}/dead-letters?reason=rejected`))).toEqual(["c"]);
    const first = await send(`${address}/dead-letters?limit=2`);
    const { next } = json<{ next: string }>(first);
    expect(idsOf(await send(`${address}/dead-letters?limit=2&cursor=${next}`))).toEqual(["c"]);
  });

  it.each([
    ["reason=bored", "reason"],
    ["since=today", "since"],
    ["until=2026-01-01", "until"],
    ["state=dead", "state"],
  ])("refuses ?%s and names %s", async (query, at) => {
    const { address } = await startWithRows();
    const reply = await send(`${address}/dead-letters?${query}`);
    expectDocumented("GET /subscriptions/{id}/dead-letters", reply);
    expect(json(reply)).toMatchObject({ status: 400, at });
  });

  it("shows one with its attempts; a parked delivery is none", async () => {
    const { address } = await startWithRows(row("a"), row("b", PARKED));
    const reply = await send(`${address}/dead-letters/a`);
    expectDocumented("GET /subscriptions/{id}/dead-letters/{deliveryId}", reply);
    expect(json(reply)).toMatchObject({
      id: "a",
      history: [{ number: 1, startedAt: "2026-01-01T00:00:00.000Z", outcome: "retry", status: 503, error: null }],
    });
    const parked = await send(`${address}/dead-letters/b`);
    expect(json(parked)).toMatchObject({ status: 404, type: "https://pulsebus.dev/problems/unknown-delivery" });
    expect((await send(`${address}/dead-letters/x`)).status).toBe(404);
  });
});

describe("GET /subscriptions/{id}/deliveries", () => {
  it("shows parked and running deliveries and the latest outcomes, which it says are in memory only", async () => {
    const { address, bus } = await startWithRows(row("a", PARKED), row("b"));
    const outcome = {
      deliveryId: "d1",
      eventId: "1",
      eventSource: "/s",
      eventType: "t",
      position: "9",
      outcome: "delivered",
      attempt: 1,
      status: 204,
      at: T0,
    } as const;
    bus.recent = [outcome];
    bus.inFlight = [{ ...outcome, deliveryId: "d2", outcome: "retry", status: undefined }];
    const reply = await send(`${address}/deliveries`);
    expectDocumented("GET /subscriptions/{id}/deliveries", reply);
    expect(idsOf(reply)).toEqual(["a"]);
    expect(json(reply)).toMatchObject({
      items: [{ state: "parked", nextAttemptAt: "2026-01-01T00:00:05.000Z", event: { id: "event-a" } }],
      inFlight: [{ deliveryId: "d2", status: null }],
      recent: {
        note: expect.stringContaining("memory"),
        items: [{ deliveryId: "d1", event: { id: "1", source: "/s", type: "t" }, at: "2026-01-01T00:00:00.000Z" }],
      },
    });
  });

  it("shows any delivery by its id, with its attempts", async () => {
    const { address } = await startWithRows(row("a", PARKED), row("b"));
    for (const id of ["a", "b"]) {
      const reply = await send(`${address}/deliveries/${id}`);
      expectDocumented("GET /subscriptions/{id}/deliveries/{deliveryId}", reply);
      expect(json(reply)).toMatchObject({ id, history: [{ number: 1 }] });
    }
  });
});

describe.each(["redrive", "discard"])("POST /subscriptions/{id}/dead-letters/%s", (verb) => {
  const post = (address: string, body?: unknown): Promise<Reply> =>
    send(`${address}/dead-letters/${verb}`, {
      method: "POST",
      ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });

  it.each([
    [{ ids: ["a", "b"] }, { ids: ["a", "b"] }],
    [{ all: true }, { all: true }],
    [{ filter: { type: "t", reason: "rejected" } }, { filter: { type: "t", reason: "rejected" } }],
    [{ filter: { since: "2026-01-01T00:00:00Z" } }, { filter: { since: T0 } }],
  ])("takes %j and answers how many there are", async (body, selection) => {
    const { address, bus } = await startWithRows(row("a"), row("b"));
    const reply = await post(address, body);
    expectDocumented(`POST /subscriptions/{id}/dead-letters/${verb}`, reply);
    expect(reply.status).toBe(202);
    expect(json(reply)).toEqual({ count: 2 });
    expect(bus.selections).toEqual([selection]);
  });

  it.each([
    [undefined, undefined],
    [{}, undefined],
    [[], undefined],
    [{ all: false }, undefined],
    [{ all: true, ids: ["a"] }, undefined],
    [{ ids: [] }, "/ids"],
    [{ ids: "a" }, "/ids"],
    [{ ids: ["a", 7] }, "/ids/1"],
    [{ ids: new Array(10_001).fill("a") }, "/ids"],
    [{ filter: {} }, "/filter"],
    [{ filter: { reason: "bored" } }, "/filter/reason"],
    [{ filter: { type: 7 } }, "/filter/type"],
    [{ filter: { until: "soon" } }, "/filter/until"],
    [{ filter: { colour: "red" } }, "/filter/colour"],
  ])("refuses a selection at fault", async (body, at) => {
    const { address, bus } = await startWithRows(row("a"));
    const reply = await post(address, body);
    expectDocumented(`POST /subscriptions/{id}/dead-letters/${verb}`, reply);
    expect(json<{ at?: string }>(reply)).toMatchObject({ status: 400 });
    expect(json<{ at?: string }>(reply).at).toBe(at);
    expect(bus.selections).toEqual([]);
  });
});
