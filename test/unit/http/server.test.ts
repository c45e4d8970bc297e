import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { PulsebusError } from "../../../src/errors.ts";
import type { Event } from "../../../src/event/event.ts";
import type { PublishResult } from "../../../src/transport/port.ts";
import { eventually } from "../../support/eventually.ts";
import { json, send } from "../../support/http.ts";
import { startServer, startServerWithTopic, type TestServer } from "./test-server.ts";

const BINARY = {
  "ce-specversion": "1.0",
  "ce-id": "1",
  "ce-source": "/s",
  "ce-type": "t",
  "content-type": "text/plain",
};

/** The transport keeps what is published until it is told to store it. */
function holdPublishes({ bus }: TestServer): { readonly held: () => number; store(): void } {
  const waiting: (() => void)[] = [];
  bus.storing = (events: readonly Event[]) => {
    const { promise, resolve } = Promise.withResolvers<readonly PublishResult[]>();
    waiting.push(() => resolve(events.map(() => ({ ok: true, position: "1" }))));
    return promise;
  };
  return { held: () => waiting.length, store: () => waiting.forEach((store) => void store()) };
}

function publishWith(agent: Agent, url: string): Promise<IncomingMessage> {
  const req = request(`${url}/topics/orders/events`, { method: "POST", headers: BINARY, agent });
  req.end("x");
  return once(req, "response").then(([res]) => res.resume());
}

const soon = () => Date.now() + 10_000;

describe("a method that an address does not have", () => {
  it.each([
    ["GET", "/", "POST, OPTIONS"],
    ["PUT", "/topics/orders/events", "GET, HEAD, POST, OPTIONS"],
    ["POST", "/topics/orders", "GET, HEAD, PUT, DELETE, OPTIONS"],
    ["PATCH", "/subscriptions/x", "GET, HEAD, PUT, DELETE, OPTIONS"],
    ["GET", "/subscriptions/x/pause", "POST, OPTIONS"],
  ])("%s %s is refused and told what there is", async (method, path, allow) => {
    const { url } = await startServerWithTopic();
    const reply = await send(url + path, { method });
    expect(reply.headers.allow).toBe(allow);
    expect(json(reply)).toMatchObject({ status: 405, type: "https://pulsebus.dev/problems/method-not-allowed" });
    const options = await send(url + path, { method: "OPTIONS" });
    expect(options).toMatchObject({ status: 204, headers: { allow } });
  });
});

describe("an address that is not there", () => {
  it.each(["/nothing", "/topics/", "/topics/a/b/events", "/Topics", "/subscriptions/x/y"])(
    "%s is not found, whatever the method",
    async (path) => {
      const { url } = await startServer();
      for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
        const reply = await send(url + path, { method });
        expect(json(reply)).toMatchObject({ status: 404, type: "https://pulsebus.dev/problems/not-found" });
      }
    },
  );

  it("is a bad request when it is not percent-encoded correctly", async () => {
    const { url } = await startServer();
    expect(json(await send(`${url}/topics/%zz`))).toMatchObject({
      status: 400,
      type: "https://pulsebus.dev/problems/invalid-request",
    });
  });
});

describe("an answer", () => {
  it("says nothing about the server's software, is not sniffed and not kept", async () => {
    const { url } = await startServer();
    const { headers } = await send(`${url}/topics`);
    expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
    expect(headers["x-powered-by"]).toBeUndefined();
    expect(headers.etag).toBeUndefined();
  });

  it("to HEAD is the one to GET without its body", async () => {
    const { url } = await startServer();
    const got = await send(`${url}/healthz`);
    const head = await send(`${url}/healthz`, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.body).toHaveLength(0);
    expect(head.headers["content-length"]).toBe(got.headers["content-length"]);
  });
});

describe("listening", () => {
  it("on an address that is taken fails with a reason", async () => {
    const { url } = await startServer();
    const { openServer } = await import("../../../src/http/server.ts");
    const { bus, metrics } = await startServer();
    const plan = {
      server: { host: "127.0.0.1", port: Number(new URL(url).port) },
      limits: { eventBytes: 1, batchBytes: 1, maxHops: 1 },
    };
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const opening = openServer({ bus, plan, metrics, logger, version: "1" });
    await expect(opening).rejects.toThrow(PulsebusError);
    await expect(opening).rejects.toThrow(/can't listen on 127\.0\.0\.1, port \d+/);
  });

  it("beyond loopback warns that there is no authentication", async () => {
    const { log } = await startServer({ host: "0.0.0.0" });
    expect(log).toMatchObject([{ level: "warn", message: expect.stringContaining("NO AUTHENTICATION") }]);
  });

  it("on loopback does not", async () => {
    const { log } = await startServer();
    expect(log).toEqual([]);
  });
});

describe("draining", () => {
  it("answers what is under way and closes its connection", async () => {
    const server = await startServerWithTopic();
    const { held, store } = holdPublishes(server);
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const answered = publishWith(agent, server.url);
    await eventually(() => expect(held()).toBe(1));
    const drained = server.drain(soon());
    store();
    const res = await answered;
    expect(res.statusCode).toBe(202);
    expect(res.headers.connection).toBe("close");
    await drained;
  });

  it("takes no new connections and closes idle ones", async () => {
    const server = await startServerWithTopic();
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    await publishWith(agent, server.url);
    await server.drain(soon());
    await expect(send(`${server.url}/healthz`)).rejects.toThrow("ECONNREFUSED");
  });

  it("closes a connection whose answer was still on its way to a slow reader", async () => {
    const server = await startServerWithTopic({ eventBytes: 2_000_000 });
    for (let i = 0; i < 8; i += 1) {
      await send(`${server.url}/topics/orders/events`, {
        method: "POST",
        headers: BINARY,
        body: "x".repeat(2_000_000),
      });
    }
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const req = request(`${server.url}/topics/orders/events`, { agent });
    req.end();
    const [res] = (await once(req, "response")) as [IncomingMessage];
    const drained = server.drain(Date.now() + 60_000);
    await once(res.resume(), "end");
    await drained;
    expect(res.headers.connection).toBe("keep-alive");
  });

  it("refuses what still comes on an open connection", async () => {
    const server = await startServerWithTopic();
    const { held, store } = holdPublishes(server);
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    const head = Object.entries({ Host: "localhost", "Content-Length": "1", ...BINARY });
    const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const publishing = `POST /topics/orders/events HTTP/1.1\r\n${lines}\r\nx`;
    socket.write(publishing);
    await eventually(() => expect(held()).toBe(1));
    const ended = once(socket, "close");
    const drained = server.drain(soon());
    socket.write(publishing);
    await eventually(() => expect(server.metrics.publish.refusedWithoutTopic).toEqual({ draining: 1 }));
    store();
    await Promise.all([drained, ended]);
    expect(text).toContain("HTTP/1.1 202");
    expect(held()).toBe(1);
  });

  it("cuts at its deadline what is not finished", async () => {
    const server = await startServerWithTopic();
    const { held } = holdPublishes(server);
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const answered = publishWith(agent, server.url);
    const outcome = expect(answered).rejects.toThrow();
    await eventually(() => expect(held()).toBe(1));
    await server.drain(Date.now() + 50);
    await outcome;
  });
});
