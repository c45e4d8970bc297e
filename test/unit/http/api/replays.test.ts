import { describe, expect, it } from "vitest";
import { json, send } from "../../../support/http.ts";
import { expectDocumented } from "../openapi-document.ts";
import { startServerWithTopic } from "../test-server.ts";

async function start() {
  const server = await startServerWithTopic();
  await server.bus.createSubscription({ id: "billing", topic: "orders", sink: "pull:" });
  const at = (path: string) => `${server.url}/subscriptions/billing/${path}`;
  const post = (path: string, body?: unknown) =>
    send(at(path), {
      method: "POST",
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  return { ...server, post, get: (path: string) => send(at(path)) };
}

describe("POST /subscriptions/{id}/replay", () => {
  it("answers with the replay that has begun, and where it is shown", async () => {
    const { post, get } = await start();
    const reply = await post("replay", { from: "earliest" });
    expect(reply.status).toBe(202);
    expectDocumented("POST /subscriptions/{id}/replay", reply);
    expect(reply.headers.location).toBe("/subscriptions/billing/replays/replay-1");
    expect(json(reply)).toMatchObject({ id: "replay-1", state: "running", from: "earliest", to: null, reason: null });
    const shown = await get("replays/replay-1");
    expectDocumented("GET /subscriptions/{id}/replays/{replay}", shown);
    expect(json(shown)).toEqual(json(reply));
  });

  it("understands all that it is asked for", async () => {
    const { post, bus } = await start();
    const filters = [{ exact: { type: "a" } }];
    const asked = { from: { time: "2026-01-01T01:00:00+01:00" }, to: { position: "p" }, filters, perSecond: 0.5 };
    const reply = await post("replay", asked);
    expectDocumented("POST /subscriptions/{id}/replay", reply);
    expect(json(reply)).toMatchObject({ ...asked, from: { time: "2026-01-01T00:00:00.000Z" } });
    const from = { time: Date.UTC(2026, 0, 1) };
    expect(bus.replay("billing", "replay-1").request).toEqual({ ...asked, from });
  });

  it.each([
    [undefined, ""],
    [{}, "/from"],
    [{ from: "latest" }, "/from"],
    [{ from: { time: "yesterday" } }, "/from/time"],
    [{ from: { time: "2026-01-01T00:00:00Z", position: "p" } }, "/from"],
    [{ from: { position: "p", more: 1 } }, "/from"],
    [{ from: { position: "" } }, "/from"],
    [{ from: "earliest", to: "earliest" }, "/to"],
    [{ from: "earliest", filters: {} }, "/filters"],
    [{ from: "earliest", perSecond: 0 }, "/perSecond"],
    [{ from: "earliest", perSecond: "5" }, "/perSecond"],
    [{ from: "earliest", rate: 5 }, "/rate"],
  ])("refuses %j", async (body, at) => {
    const { post, bus } = await start();
    const reply = await post("replay", body);
    expect(reply.status).toBe(400);
    expect(json<{ at?: string }>(reply).at ?? "").toBe(at);
    expect(bus.replays("billing")).toEqual([]);
  });
});

describe("replays", () => {
  it("are listed, newest first, and cancelled", async () => {
    const { post, get } = await start();
    for (let count = 0; count < 2; count += 1) await post("replay", { from: "earliest" });
    const cancelled = await post("replays/replay-1/cancel");
    expect(cancelled.status).toBe(200);
    expectDocumented("POST /subscriptions/{id}/replays/{replay}/cancel", cancelled);
    const list = await get("replays");
    expectDocumented("GET /subscriptions/{id}/replays", list);
    expect(json(list)).toMatchObject({
      items: [
        { id: "replay-2", state: "running" },
        { id: "replay-1", state: "cancelled" },
      ],
      next: null,
    });
  });

  it("are not found where there are none", async () => {
    const { post, get } = await start();
    for (const reply of [await get("replays/nope"), await post("replays/nope/cancel")]) {
      expect(reply.status).toBe(404);
      expect(json(reply)).toMatchObject({ type: "https://pulsebus.dev/problems/not-found" });
    }
  });
});
