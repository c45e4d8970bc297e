import { describe, expect, it } from "vitest";
import { json, type Reply, send } from "../../../support/http.ts";
import { expectDocumented } from "../openapi-document.ts";
import { startServer, startServerWithTopic, type TestServer } from "../test-server.ts";

interface List {
  readonly items: readonly Record<string, unknown>[];
  readonly next: string | null;
}

function putTopic({ url }: TestServer, name: string, body?: unknown): Promise<Reply> {
  const headers = { "content-type": "application/json" };
  return send(`${url}/topics/${name}`, {
    method: "PUT",
    ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }),
  });
}

/** Structured, so that the document is kept as it is. */
function publish({ url }: TestServer, document: string): Promise<Reply> {
  const headers = { "content-type": "application/cloudevents+json" };
  return send(`${url}/topics/orders/events`, { method: "POST", headers, body: document });
}

function eventDocument(id: string, data = "1"): string {
  return `{"specversion":"1.0","id":"${id}","source":"/s","type":"t","data":${data}}`;
}

async function withEvents(count: number): Promise<TestServer> {
  const server = await startServerWithTopic();
  for (let i = 1; i <= count; i += 1) await publish(server, eventDocument(`e${i}`));
  return server;
}

describe("PUT /topics/{topic}", () => {
  it("creates a topic, with a body or without, and says 200 the second time", async () => {
    const server = await startServer();
    const created = await putTopic(server, "orders", { retention: { maxAge: "24h" }, strict: true });
    expect(created.status).toBe(201);
    expect(json(created)).toMatchObject({
      name: "orders",
      transport: "embedded",
      address: "orders",
      strict: true,
      retention: { maxAge: "1d", maxBytes: "10GiB" },
      holdBack: "7d",
      whenFull: "reject",
      origin: "api",
    });
    expectDocumented("PUT /topics/{topic}", created);
    expect((await putTopic(server, "orders")).status).toBe(200);
    expect((await putTopic(server, "invoices")).status).toBe(201);
  });

  it("takes what GET showed", async () => {
    const server = await startServerWithTopic();
    const shown = json(await send(`${server.url}/topics/orders`));
    expect((await putTopic(server, "orders", shown)).status).toBe(200);
    expect((await putTopic(server, "copy", shown)).status).toBe(201);
  });

  it.each([
    { body: { retention: { maxAge: "soon" } }, status: 400, at: "/retention/maxAge" },
    { body: { colour: "red" }, status: 400, at: "/colour" },
    { body: { schema: true }, status: 422, at: "/schema" },
    { body: { archive: true }, status: 400, at: "/archive" },
    { body: { envelope: "raw" }, status: 400, at: "/envelope" },
    { body: [], status: 400, at: undefined },
  ])("refuses $body with $status at $at", async ({ body, status, at }) => {
    const server = await startServer();
    const reply = await putTopic(server, "orders", body);
    expectDocumented("PUT /topics/{topic}", reply);
    expect(json(reply)).toMatchObject({ status, ...(at === undefined ? {} : { at }) });
  });

  it("refuses a body that is not JSON", async () => {
    const { url } = await startServer();
    const put = (headers: Record<string, string>, body: string | Buffer) =>
      send(`${url}/topics/orders`, { method: "PUT", headers, body });
    expect((await put({ "content-type": "text/yaml" }, "strict: true")).status).toBe(415);
    expect((await put({}, "{}")).status).toBe(415);
    expect((await put({ "content-type": "application/json; charset=latin1" }, "{}")).status).toBe(415);
    const putJson = async (body: string | Buffer) => json(await put({ "content-type": "application/json" }, body));
    const notJson = { status: 400, detail: expect.stringContaining("not valid JSON in UTF-8") };
    expect(await putJson("{")).toMatchObject(notJson);
    expect(await putJson(Buffer.from([0x22, 0xff, 0x22]))).toMatchObject(notJson);
    const deep = "[".repeat(200) + "]".repeat(200);
    expect(await putJson(deep)).toMatchObject({ status: 400, detail: expect.stringContaining("nested") });
    expect((await put({ "content-type": "Application/JSON; charset=UTF-8" }, "{}")).status).toBe(201);
  });
});

describe("GET /topics", () => {
  it("shows one topic, or none with 404", async () => {
    const { url } = await startServerWithTopic();
    const reply = await send(`${url}/topics/orders`);
    expectDocumented("GET /topics/{topic}", reply);
    const missing = await send(`${url}/topics/nowhere`);
    expectDocumented("GET /topics/{topic}", missing);
    expect(json(missing)).toMatchObject({ status: 404, type: "https://pulsebus.dev/problems/unknown-topic" });
  });

  it("pages by cursor", async () => {
    const server = await startServer();
    for (const name of ["c", "a", "b"]) await putTopic(server, name);
    const first = await send(`${server.url}/topics?limit=2`);
    expectDocumented("GET /topics", first);
    const { items, next } = json<List>(first);
    expect(items.map(({ name }) => name)).toEqual(["a", "b"]);
    const second = json<List>(await send(`${server.url}/topics?limit=2&cursor=${next}`));
    expect(second.items.map(({ name }) => name)).toEqual(["c"]);
    expect(second.next).toBeNull();
  });

  it.each([
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["limit=ten", "limit"],
    ["limit=", "limit"],
    ["limit=-1", "limit"],
    ["limit=1&limit=2", "limit"],
    ["page=2", "page"],
    ["cursor=nonsense!", "cursor"],
    ["%zz=1", "%zz"],
  ])("refuses ?%s and names %s", async (query, at) => {
    const { url } = await startServer();
    const reply = await send(`${url}/topics?${query}`);
    expect(json(reply)).toMatchObject({ status: 400, type: "https://pulsebus.dev/problems/invalid-request", at });
  });
});

describe("DELETE /topics/{topic}", () => {
  it("removes it once", async () => {
    const { url } = await startServerWithTopic();
    const reply = await send(`${url}/topics/orders`, { method: "DELETE" });
    expect(reply.status).toBe(204);
    expect(reply.body).toHaveLength(0);
    expect((await send(`${url}/topics/orders`, { method: "DELETE" })).status).toBe(404);
  });

  it("is refused while subscriptions exist", async () => {
    const { url, bus } = await startServerWithTopic();
    await bus.createSubscription({ topic: "orders", sink: "http://127.0.0.1:1/" });
    const reply = await send(`${url}/topics/orders`, { method: "DELETE" });
    expectDocumented("DELETE /topics/{topic}", reply);
    expect(json(reply)).toMatchObject({ status: 409, type: "https://pulsebus.dev/problems/conflict" });
  });
});

describe("GET /topics/{topic}/events", () => {
  it("shows an event as it came, big numbers and repeated spaces included", async () => {
    const server = await startServerWithTopic();
    await publish(server, eventDocument("e1", '{"total":  123456789012345678901234567890, "rate": 1.50}'));
    const reply = await send(`${server.url}/topics/orders/events`);
    expectDocumented("GET /topics/{topic}/events", reply);
    expect(reply.body.toString()).toContain('{"total":  123456789012345678901234567890, "rate": 1.50}');
    expect(json<List>(reply).items).toMatchObject([
      { position: "000001", storedAt: "2026-01-01T00:00:00.000Z", event: { id: "e1", source: "/s", type: "t" } },
    ]);
  });

  it.each([
    ["", ["e1", "e2", "e3"]],
    ["?from=earliest", ["e1", "e2", "e3"]],
    ["?from=latest", []],
    ["?limit=1", ["e1"]],
    ["?position=000002", ["e2", "e3"]],
    ["?cursor=000003", ["e3"]],
    ["?time=2026-01-01T00:00:01Z", ["e2", "e3"]],
    ["?time=2026-01-01T01:00:02%2B01:00", ["e3"]],
  ])("starts where %s says", async (query, ids) => {
    const { url } = await withEvents(3);
    const { items } = json<List>(await send(`${url}/topics/orders/events${query}`));
    expect(items.map(({ event }) => (event as { id: string }).id)).toEqual(ids);
  });

  it("goes on from `next` until it is null", async () => {
    const { url } = await withEvents(3);
    const first = json<List>(await send(`${url}/topics/orders/events?limit=2`));
    const second = json<List>(await send(`${url}/topics/orders/events?limit=2&cursor=${first.next}`));
    expect([first.items.length, second.items.length, second.next]).toEqual([2, 1, null]);
  });

  it.each([
    ["from=newest", "from"],
    ["time=yesterday", "time"],
    ["time=2026-02-30T00:00:00Z", "time"],
    ["position=", "position"],
    ["from=earliest&time=2026-01-01T00:00:00Z", "time"],
    ["since=1", "since"],
  ])("refuses ?%s and names %s", async (query, at) => {
    const { url } = await startServerWithTopic();
    const reply = await send(`${url}/topics/orders/events?${query}`);
    expectDocumented("GET /topics/{topic}/events", reply);
    expect(json(reply)).toMatchObject({ status: 400, at });
  });
});

describe("GET /topics/{topic}/trace", () => {
  it("shows every occurrence of an event", async () => {
    const server = await withEvents(2);
    await publish(server, eventDocument("e1"));
    const reply = await send(`${server.url}/topics/orders/trace?source=/s&id=e1`);
    expectDocumented("GET /topics/{topic}/trace", reply);
    const { complete, occurrences } = json<{ complete: boolean; occurrences: { position: string }[] }>(reply);
    expect(complete).toBe(true);
    expect(occurrences.map(({ position }) => position)).toEqual(["000001", "000003"]);
  });

  it.each(["source", "id"])("needs %s", async (name) => {
    const { url } = await startServerWithTopic();
    const query = new URLSearchParams({ source: "/s", id: "1" });
    query.delete(name);
    expect(json(await send(`${url}/topics/orders/trace?${query}`))).toMatchObject({ status: 400, at: name });
  });
});
