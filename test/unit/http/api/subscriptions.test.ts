import { describe, expect, it } from "vitest";
import { json, type Reply, send } from "../../../support/http.ts";
import { expectDocumented } from "../openapi-document.ts";
import { startServerWithTopic } from "../test-server.ts";

const INPUT = {
  id: "billing",
  topic: "orders",
  sink: "https://billing.example/events",
  types: ["order.created"],
  filters: [{ prefix: { subject: "eu/" } }],
  delivery: { timeout: "5s", retry: { maxAttempts: 3 } },
};

interface Shown {
  readonly id: string;
  readonly revision: number;
  readonly status: Readonly<Record<string, unknown>>;
}

function request(url: string, method: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  if (body === undefined) return send(url, { method, headers });
  const all = { "content-type": "application/json", ...headers };
  return send(url, { method, headers: all, body: JSON.stringify(body) });
}

async function startWithSubscription() {
  const server = await startServerWithTopic();
  await server.bus.createSubscription(INPUT);
  return { ...server, address: `${server.url}/subscriptions/billing` };
}

describe("POST /subscriptions", () => {
  it("creates one and says where it is, its revision and what it is", async () => {
    const { url } = await startServerWithTopic();
    const reply = await request(`${url}/subscriptions`, "POST", INPUT);
    expectDocumented("POST /subscriptions", reply);
    expect(reply).toMatchObject({ status: 201, headers: { location: "/subscriptions/billing", etag: '"1"' } });
    expect(json(reply)).toMatchObject({ ...INPUT, origin: "api", revision: 1, status: { state: "active" } });
  });

  it("makes an id where none is given", async () => {
    const { url } = await startServerWithTopic();
    const { id: _, ...input } = INPUT;
    const reply = await request(`${url}/subscriptions`, "POST", input);
    expect(reply.headers.location).toBe(`/subscriptions/${json<Shown>(reply).id}`);
  });

  it.each([
    { body: { topic: "orders" }, status: 400, at: "/sink" },
    { body: { ...INPUT, sink: "ftp://x" }, status: 400, at: "/sink" },
    { body: { ...INPUT, filters: [{ exact: { ID: "x" } }] }, status: 400, at: "/filters/0/exact/ID" },
    { body: { ...INPUT, delivery: { archive: true } }, status: 422, at: "/delivery/archive" },
    { body: { ...INPUT, colour: "red" }, status: 400, at: "/colour" },
  ])("refuses a fault at $at with $status", async ({ body, status, at }) => {
    const { url } = await startServerWithTopic();
    const reply = await request(`${url}/subscriptions`, "POST", body);
    expectDocumented("POST /subscriptions", reply);
    expect(json(reply)).toMatchObject({ status, at });
  });

  it("refuses no body at all", async () => {
    const { url } = await startServerWithTopic();
    expect((await request(`${url}/subscriptions`, "POST")).status).toBe(400);
  });
});

describe("GET /subscriptions", () => {
  it("shows one with its status", async () => {
    const { address } = await startWithSubscription();
    const reply = await send(address);
    expectDocumented("GET /subscriptions/{id}", reply);
    expect(reply.headers.etag).toBe('"1"');
    expect(json<Shown>(reply).status).toEqual({
      state: "active",
      reason: null,
      backlog: 0,
      oldestAt: null,
      waiting: 0,
      inFlight: 0,
      parked: 0,
      scheduled: 0,
      breaker: "closed",
      deadLetters: 0,
      delivered: 0,
      attempts: 0,
      loopDropped: 0,
      skipped: 0,
      filterErrors: 0,
      lastFilterError: null,
      lastError: null,
      lastAttemptAt: null,
    });
  });

  it("warns of what is probably not meant, and takes the same document back", async () => {
    const { url, bus } = await startServerWithTopic();
    await bus.createSubscription({ ...INPUT, id: "mixed", filters: [{ sql: "a = 'x' AND b = 'y' OR c = 'z'" }] });
    const reply = await send(`${url}/subscriptions/mixed`);
    expectDocumented("GET /subscriptions/{id}", reply);
    expect(json<{ warnings: string[] }>(reply).warnings).toEqual([
      expect.stringMatching(/^filters\[0\]\.sql: AND, OR/),
    ]);
    expect((await request(`${url}/subscriptions/mixed`, "PUT", json(reply))).status).toBe(200);
  });

  it("answers 404 for one that is not there", async () => {
    const { url } = await startServerWithTopic();
    const reply = await send(`${url}/subscriptions/nobody`);
    expect(json(reply)).toMatchObject({ status: 404, type: "https://pulsebus.dev/problems/unknown-subscription" });
  });

  it("lists all, or those of one topic", async () => {
    const { url, bus } = await startWithSubscription();
    await bus.createSubscription({ ...INPUT, id: "other", topic: "invoices" });
    const idsOf = async (query: string): Promise<string[]> => {
      const reply = await send(`${url}/subscriptions${query}`);
      expectDocumented("GET /subscriptions", reply);
      return json<{ items: Shown[] }>(reply).items.map(({ id }) => id);
    };
    expect(await idsOf("")).toEqual(["billing", "other"]);
    expect(await idsOf("?topic=orders")).toEqual(["billing"]);
    expect(await idsOf("?limit=1")).toEqual(["billing"]);
  });
});

describe("PUT /subscriptions/{id}", () => {
  it("replaces it and answers the new revision", async () => {
    const { address } = await startWithSubscription();
    const reply = await request(address, "PUT", { ...INPUT, sink: "https://new.example/" }, { "if-match": '"1"' });
    expectDocumented("PUT /subscriptions/{id}", reply);
    expect(reply.headers.etag).toBe('"2"');
    expect(json(reply)).toMatchObject({ sink: "https://new.example/", revision: 2 });
  });

  it("takes what GET showed", async () => {
    const { address } = await startWithSubscription();
    expect((await request(address, "PUT", json(await send(address)))).status).toBe(200);
  });

  it.each([
    { ifMatch: undefined, status: 200 },
    { ifMatch: "*", status: 200 },
    { ifMatch: '"1"', status: 200 },
    { ifMatch: '"2"', status: 412 },
    { ifMatch: '"abc"', status: 412 },
    { ifMatch: 'W/"1"', status: 412 },
    { ifMatch: '"1", "2"', status: 400 },
    { ifMatch: "1", status: 400 },
  ])("with If-Match $ifMatch answers $status, as DELETE does", async ({ ifMatch, status }) => {
    const { address } = await startWithSubscription();
    const headers = ifMatch === undefined ? {} : { "if-match": ifMatch };
    const replaced = await request(address, "PUT", INPUT, headers);
    expectDocumented("PUT /subscriptions/{id}", replaced);
    expect(replaced.status).toBe(status);
    if (status !== 200) {
      expect((await request(address, "DELETE", undefined, headers)).status).toBe(status);
      expect((await send(address)).headers.etag).toBe('"1"');
    }
  });
});

describe("DELETE /subscriptions/{id}", () => {
  it("removes it", async () => {
    const { address } = await startWithSubscription();
    expect((await request(address, "DELETE", undefined, { "if-match": '"1"' })).status).toBe(204);
    expect((await request(address, "DELETE")).status).toBe(404);
  });
});

describe("the life of a subscription", () => {
  it("is paused with a reason, and resumed", async () => {
    const { address } = await startWithSubscription();
    const paused = await request(`${address}/pause`, "POST", { reason: "maintenance" });
    expectDocumented("POST /subscriptions/{id}/pause", paused);
    expect(json<Shown>(paused).status).toMatchObject({ state: "paused", reason: "maintenance" });
    const resumed = await request(`${address}/resume`, "POST");
    expectDocumented("POST /subscriptions/{id}/resume", resumed);
    expect(json<Shown>(resumed).status).toMatchObject({ state: "active", reason: null });
  });

  it("is paused without a body, too", async () => {
    const { address } = await startWithSubscription();
    expect(json<Shown>(await request(`${address}/pause`, "POST")).status).toMatchObject({ state: "paused" });
  });

  it.each([{ reason: "" }, { reason: 7 }, { reason: "x".repeat(257) }, { reason: "x", until: "later" }, {}, []])(
    "is not paused with %j",
    async (body) => {
      const { address } = await startWithSubscription();
      const reply = await request(`${address}/pause`, "POST", body);
      expectDocumented("POST /subscriptions/{id}/pause", reply);
      expect(json(reply)).toMatchObject({ status: 400, at: "/reason" });
    },
  );

  it("is tested with an event straight to its sink", async () => {
    const { address } = await startWithSubscription();
    const reply = await request(`${address}/test`, "POST");
    expectDocumented("POST /subscriptions/{id}/test", reply);
    expect(json(reply)).toEqual({ outcome: "delivered", status: 204, detail: "" });
  });
});
