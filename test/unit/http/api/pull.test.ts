import { describe, expect, it } from "vitest";
import type { Event } from "../../../../src/event/event.ts";
import type { SinkResult } from "../../../../src/sink/port.ts";
import { json, send } from "../../../support/http.ts";

import { expectDocumented } from "../openapi-document.ts";
import { startServerWithTopic } from "../test-server.ts";

const EVENT: Event = {
  id: "1",
  source: "/s",
  type: "t",
  attributes: ["id:1", "source:/s", "type:t"].map((text) => {
    const [name = "", value = ""] = text.split(":");
    return { name, type: "string", value } as const;
  }),
  data: undefined,
  structured: undefined,
};

async function start() {
  const server = await startServerWithTopic();
  await server.bus.createSubscription({ id: "work", topic: "orders", sink: "pull:" });
  const post = (action: string, body?: unknown) =>
    send(`${server.url}/subscriptions/work/${action}`, {
      method: "POST",
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  /** Has an attempt start as soon as somebody asks. */
  const deliver = (): Promise<readonly SinkResult[]> =>
    new Promise((resolve) => {
      server.bus.pull.onChange(() => {
        if (server.bus.pull.wanted === 0) return;
        server.bus.pull.onChange(() => undefined);
        resolve(server.bus.pull.deliver([{ id: "dlv_1", event: EVENT, attempt: 2 }], new AbortController().signal));
      });
    });
  return { ...server, post, deliver };
}

async function pulled({ post, deliver }: Awaited<ReturnType<typeof start>>) {
  const result = deliver();
  const reply = await post("receive");
  const lock = json<{ items: { lock: string }[] }>(reply).items[0]?.lock ?? "";
  return { reply, lock, result };
}

describe("POST /subscriptions/{id}/receive", () => {
  it("answers with a delivery under a lock as soon as there is one", async () => {
    const { reply } = await pulled(await start());
    expect(reply.status).toBe(200);
    expectDocumented("POST /subscriptions/{id}/receive", reply);
    expect(json(reply)).toMatchObject({
      items: [{ delivery: "dlv_1", attempt: 2, event: { specversion: "1.0", id: "1", source: "/s", type: "t" } }],
    });
  });

  it("answers with none when the wait is over", async () => {
    const { post } = await start();
    const reply = await post("receive", { max: 5, wait: "10ms" });
    expectDocumented("POST /subscriptions/{id}/receive", reply);
    expect(json(reply)).toEqual({ items: [] });
  });

  it.each([
    [{ max: 0 }, "/max"],
    [{ max: 101 }, "/max"],
    [{ max: "5" }, "/max"],
    [{ wait: "2m" }, "/wait"],
    [{ wait: 5 }, "/wait"],
    [{ count: 5 }, "/count"],
    [[], ""],
  ])("refuses %j", async (body, at) => {
    const { post } = await start();
    const reply = await post("receive", body);
    expect(reply.status).toBe(400);
    expect(json<{ at?: string }>(reply).at ?? "").toBe(at);
  });
});

describe("what is said of a lock", () => {
  it.each<[string, object, SinkResult]>([
    ["ack", {}, { kind: "stored" }],
    ["release", { delay: "5s" }, { kind: "released", delayMs: 5_000, message: "released: no reason given" }],
    ["release", { reason: "busy" }, { kind: "released", delayMs: undefined, message: "released: busy" }],
    ["reject", { reason: "broken" }, { kind: "refused", reason: "rejected", message: "rejected: broken" }],
  ])("%s %j is the outcome of the attempt", async (action, more, outcome) => {
    const server = await start();
    const { lock, result } = await pulled(server);
    const reply = await server.post(action, { locks: [lock], ...more });
    expect(reply.status).toBe(204);
    expectDocumented(`POST /subscriptions/{id}/${action}`, reply);
    expect(await (await result)[0]).toEqual(outcome);
  });

  it.each(["ack", "release", "reject", "renew"])("is refused for a lock that is not held: %s", async (action) => {
    const server = await start();
    const { lock } = await pulled(server);
    await server.post("ack", { locks: [lock] });
    const reply = await server.post(action, { locks: [lock] });
    expect(reply.status).toBe(409);
    expect(json(reply)).toMatchObject({ type: "https://pulsebus.dev/problems/lock-lost" });
  });

  it("renew answers until when", async () => {
    const server = await start();
    const { lock } = await pulled(server);
    const reply = await server.post("renew", { locks: [lock] });
    expectDocumented("POST /subscriptions/{id}/renew", reply);
    const [item] = json<{ items: { lock: string; expiresAt: string }[] }>(reply).items;
    expect(item?.lock).toBe(lock);
    expect(Date.parse(item?.expiresAt ?? "")).toBeGreaterThan(Date.now());
  });

  it.each([
    ["ack", {}, "/locks"],
    ["ack", { locks: [] }, "/locks"],
    ["ack", { locks: [5] }, "/locks"],
    ["ack", { locks: ["a"], delay: "1s" }, "/delay"],
    ["release", { locks: ["a"], delay: "25h" }, "/delay"],
    ["reject", { locks: ["a"], reason: 5 }, "/reason"],
  ])("%s refuses %j", async (action, body, at) => {
    const { post } = await start();
    const reply = await post(action, body);
    expect(reply.status).toBe(400);
    expect(json(reply)).toMatchObject({ at });
  });
});
