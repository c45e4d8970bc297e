import { describe, expect, it } from "vitest";
import { PulsebusError } from "../../../../src/errors.ts";
import { json, send } from "../../../support/http.ts";
import { expectDocumented } from "../openapi-document.ts";
import { startServer, startServerWithTopic } from "../test-server.ts";

describe("the server about itself", () => {
  it("is healthy while it runs", async () => {
    const { url } = await startServer();
    const reply = await send(`${url}/healthz`);
    expectDocumented("GET /healthz", reply);
    expect(json(reply)).toEqual({ status: "ok", version: "1.2.3" });
  });

  it("is ready while the bus takes events, and says why not", async () => {
    const { url, bus } = await startServer();
    const ready = await send(`${url}/readyz`);
    expectDocumented("GET /readyz", ready);
    expect(ready.status).toBe(200);
    bus.notReady = new PulsebusError("storage-full", "there is no room on the disk", { retryAfterSeconds: 5 });
    const notReady = await send(`${url}/readyz`);
    expectDocumented("GET /readyz", notReady);
    expect(notReady).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
    expect(json(notReady)).toMatchObject({ detail: "there is no room on the disk" });
  });

  it("shows its metrics", async () => {
    const { url } = await startServerWithTopic();
    const headers = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t" };
    await send(`${url}/topics/orders/events`, { method: "POST", headers });
    const reply = await send(`${url}/metrics`);
    expectDocumented("GET /metrics", reply);
    expect(reply.headers["content-type"]).toContain("version=0.0.4");
    expect(reply.body.toString()).toContain('pulsebus_events_published_total{topic="orders"} 1\n');
  });

  it("shows its transports", async () => {
    const { url, bus } = await startServer();
    bus.transportViews = [
      {
        name: "embedded",
        adapter: "embedded",
        healthy: true,
        lastError: undefined,
        capabilities: {
          durable: true,
          ordering: "topic",
          orderedPublish: true,
          group: "exclusive",
          position: "always",
          starts: ["latest"],
          leaseMs: "unbounded",
          replay: "position",
          find: true,
          stats: { backlog: true, oldest: true },
          deliveryCount: false,
          dedupe: true,
          limits: { eventBytes: 1_048_576, attributeCount: "unbounded", batchCount: 10_000 },
        },
      },
    ];
    const reply = await send(`${url}/transports`);
    expectDocumented("GET /transports", reply);
    expect(json(reply)).toMatchObject({
      items: [{ name: "embedded", healthy: true, lastError: null, capabilities: { durable: true } }],
      next: null,
    });
  });
});
