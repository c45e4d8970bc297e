/** A web page that a user of the same machine visits can't reach the bus, which has no authentication on loopback. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { json, send } from "../support/http.ts";
import { type Pulsebus, startPulsebus } from "../support/pulsebus.ts";

let bus: Pulsebus;

beforeAll(async () => {
  bus = await startPulsebus();
});

afterAll(async () => {
  await bus[Symbol.asyncDispose]();
});

const EVENT = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/x", "ce-type": "t" };

const REQUESTS = [
  { what: "publishing", method: "POST", path: "/topics/web/events", more: EVENT, fine: 202 },
  { what: "the management API", method: "GET", path: "/topics", more: {}, fine: 200 },
];

describe.each(REQUESTS)("$what", ({ method, path, more, fine }) => {
  it.each([
    ["a name that resolves to this machine", { Host: "rebound.example.com" }],
    ["a name that only starts like a loopback one", { Host: "localhost.example.com:80" }],
    ["another address of this machine", { Host: "192.168.0.1" }],
    ["a page of another origin", { Origin: "https://example.com" }],
    ["a page without an origin", { Origin: "null" }],
    ["another site", { "Sec-Fetch-Site": "cross-site" }],
  ])("refuses %s", async (_, headers) => {
    const reply = await send(bus.url + path, { method, headers: { ...more, ...headers } });
    expect(reply.status).toBe(403);
    expect(json<{ type: string }>(reply).type).toMatch(/forbidden-origin$/);
  });

  it.each([
    ["localhost", { Host: "localhost:8080" }],
    ["the literal address", { Host: "127.0.0.1" }],
    ["IPv6 loopback", { Host: "[::1]:80" }],
    ["a page of this machine", { Origin: "http://localhost:3000" }],
    ["the same site", { "Sec-Fetch-Site": "same-origin" }],
  ])("answers %s", async (_, headers) => {
    const reply = await send(bus.url + path, { method, headers: { ...more, ...headers } });
    expect(reply.status).toBe(fine);
  });
});
