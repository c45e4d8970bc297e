import { once } from "node:events";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { json, send } from "../../support/http.ts";
import { startServerWithTopic } from "./test-server.ts";

const BINARY = {
  "ce-specversion": "1.0",
  "ce-id": "1",
  "ce-source": "/s",
  "ce-type": "t",
  "content-type": "text/plain",
};
const BATCH = { "content-type": "application/cloudevents-batch+json" };

function headOf(url: string, ...lines: readonly string[]): string {
  const attributes = Object.entries(BINARY).map(([name, value]) => `${name}: ${value}`);
  const all = ["POST /topics/orders/events HTTP/1.1", `Host: ${new URL(url).host}`, ...attributes, ...lines];
  return `${all.join("\r\n")}\r\n\r\n`;
}

/** A connection that collects what the server says. */
async function dial(url: string): Promise<{ readonly socket: Socket; text(): string }> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, text: () => text };
}

describe("the size of a request", () => {
  it("may reach the limit of an event, and is refused one byte above it", async () => {
    const { url, bus } = await startServerWithTopic({ eventBytes: 1_000 });
    const publish = (bytes: number) =>
      send(`${url}/topics/orders/events`, { method: "POST", headers: BINARY, body: "x".repeat(bytes) });
    expect((await publish(1_000)).status).toBe(202);
    const reply = await publish(1_001);
    expect(reply.status).toBe(413);
    expect(json(reply)).toMatchObject({ type: "https://pulsebus.dev/problems/too-large" });
    expect(bus.stored("orders")).toHaveLength(1);
  });

  it("is refused from its Content-Length, before the body is sent", async () => {
    const { url } = await startServerWithTopic({ eventBytes: 1_000 });
    const { socket, text } = await dial(url);
    socket.write(headOf(url, "Content-Length: 1000000000"));
    await eventually(() => expect(text()).toContain("HTTP/1.1 413"));
    expect(text()).toContain("Connection: close");
  });

  it("is counted while a chunked body streams in, and the rest is not waited for", async () => {
    const { url, metrics } = await startServerWithTopic({ eventBytes: 1_000 });
    const { socket, text } = await dial(url);
    socket.write(headOf(url, "Transfer-Encoding: chunked"));
    socket.write(`400\r\n${"x".repeat(1_024)}\r\n`);
    await eventually(() => expect(text()).toContain("HTTP/1.1 413"));
    expect(metrics.publish.refusedWithoutTopic).toEqual({ "too-large": 1 });
  });

  it.each([
    { bytes: 1_000, status: 202 },
    { bytes: 1_001, status: 413 },
  ])("of $bytes bytes in chunks is answered $status", async ({ bytes, status }) => {
    const { url } = await startServerWithTopic({ eventBytes: 1_000 });
    const { socket, text } = await dial(url);
    const chunks = ["x".repeat(600), "x".repeat(bytes - 600), ""];
    socket.write(headOf(url, "Transfer-Encoding: chunked"));
    for (const chunk of chunks) socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    await eventually(() => expect(text()).toContain(`HTTP/1.1 ${status}`));
  });

  it("does not keep the sender from reading the answer when it sends on", async () => {
    const { url } = await startServerWithTopic({ eventBytes: 1_000 });
    const req = request(`${url}/topics/orders/events`, { method: "POST", headers: BINARY });
    req.on("error", () => {});
    const answered = once(req, "response");
    for (let i = 0; i < 64; i += 1) req.write(Buffer.alloc(64 * 1024));
    const [res] = await answered;
    expect(res.statusCode).toBe(413);
    req.destroy();
  });

  it("ends the connection of a sender that never stops", async () => {
    const { url } = await startServerWithTopic({ eventBytes: 1_000 });
    const { socket, text } = await dial(url);
    socket.write(headOf(url, "Transfer-Encoding: chunked"));
    const chunk = `400\r\n${"x".repeat(1_024)}\r\n`;
    const sending = setInterval(() => socket.write(chunk), 5);
    await once(socket, "close");
    clearInterval(sending);
    expect(text()).toContain("HTTP/1.1 413");
  });

  it("of a batch has its own limit, and each of its events the one of an event", async () => {
    const { url, bus } = await startServerWithTopic({ eventBytes: 1_000, batchBytes: 4_000 });
    const event = (bytes: number) => ({
      specversion: "1.0",
      id: "1",
      source: "/s",
      type: "t",
      data: "x".repeat(bytes),
    });
    const publish = (events: readonly object[]) =>
      send(`${url}/topics/orders/events`, { method: "POST", headers: BATCH, body: JSON.stringify(events) });
    expect((await publish([event(800), event(800)])).status).toBe(202);
    expect(json(await publish([event(100), event(1_000)]))).toMatchObject({ status: 413, index: 1 });
    expect(json(await publish(new Array(5).fill(event(900))))).toMatchObject({ status: 413 });
    expect(bus.stored("orders")).toHaveLength(2);
  });

  it("is refused to a sender that asks first, without inviting the body", async () => {
    const { url } = await startServerWithTopic({ eventBytes: 1_000, batchBytes: 1_000 });
    const { socket, text } = await dial(url);
    socket.write(headOf(url, "Content-Length: 2000000", "Expect: 100-continue"));
    await eventually(() => expect(text()).toContain("HTTP/1.1 413"));
    expect(text()).not.toContain("100 Continue");
  });

  it("is fine for a sender that asks first and stays within the limit", async () => {
    const { url, bus } = await startServerWithTopic();
    const { socket, text } = await dial(url);
    socket.write(headOf(url, "Content-Length: 1", "Expect: 100-continue"));
    await eventually(() => expect(text()).toContain("100 Continue"));
    socket.write("x");
    await eventually(() => expect(text()).toContain("HTTP/1.1 202"));
    expect(bus.stored("orders")).toHaveLength(1);
  });

  it("of a management request is limited, too", async () => {
    const { url } = await startServerWithTopic();
    const headers = { "content-type": "application/json" };
    const reply = await send(`${url}/subscriptions`, { method: "POST", headers, body: " ".repeat(1_100_000) });
    expect(json(reply)).toMatchObject({ status: 413, type: "https://pulsebus.dev/problems/too-large" });
    const { socket, text } = await dial(url);
    socket.write("PUT /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n");
    await eventually(() => expect(text()).toContain("HTTP/1.1 413"));
    expect(text()).toContain("Connection: close");
  });
});

describe("header lines", () => {
  it("that are too long together are refused with a problem", async () => {
    const { url } = await startServerWithTopic();
    const { socket, text } = await dial(url);
    socket.write(headOf(url, `ce-note: ${"x".repeat(300_000)}`));
    await eventually(() => expect(text()).toContain("HTTP/1.1 431"));
    expect(text()).toContain("https://pulsebus.dev/problems/too-large");
  });

  it("that are too many are refused instead of dropped", async () => {
    const { url, bus } = await startServerWithTopic();
    const { socket, text } = await dial(url);
    const others = headOf(url, "Content-Length: 1").trim().split("\r\n").length - 1;
    const lines = Array.from({ length: 1_000 - others }, (_, i) => `x-${i}: 1`);
    socket.write(`${headOf(url, ...lines, "Content-Length: 1")}x`);
    await eventually(() => expect(text()).toContain("HTTP/1.1 413"));
    expect(bus.stored("orders")).toEqual([]);
  });

  it("that are no HTTP are refused with a problem", async () => {
    const { url } = await startServerWithTopic();
    const { socket, text } = await dial(url);
    socket.write("this is not HTTP\r\n\r\n");
    await eventually(() => expect(text()).toContain("HTTP/1.1 400"));
    expect(text()).toContain("https://pulsebus.dev/problems/invalid-request");
  });
});

describe("a sender that goes away in the middle of its body", () => {
  it("stores nothing and is no error", async () => {
    const { url, bus, log, metrics } = await startServerWithTopic();
    const { socket } = await dial(url);
    socket.write(headOf(url, "Content-Length: 100"));
    await new Promise<void>((resolve) => socket.write("only a part", () => resolve()));
    socket.resetAndDestroy();
    // The server is still there, and what it did so far is done.
    const reply = await send(`${url}/topics/orders/events`, { method: "POST", headers: BINARY, body: "whole" });
    expect(reply.status).toBe(202);
    expect(bus.stored("orders")).toHaveLength(1);
    expect(metrics.publish.refusedWithoutTopic).toEqual({});
    expect(log.filter(({ level }) => level === "error" || level === "warn")).toEqual([]);
  });
});
