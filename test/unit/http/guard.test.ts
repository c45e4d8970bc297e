import { describe, expect, it } from "vitest";
import { json, send } from "../../support/http.ts";
import { startServer } from "./test-server.ts";

interface Case {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The header at fault; undefined when it is let in. */
  readonly at?: string;
}

const HOSTS: readonly Case[] = [
  { name: "localhost", headers: { host: "localhost" } },
  { name: "localhost with a port", headers: { host: "localhost:9999" } },
  { name: "localhost in upper case", headers: { host: "LOCALHOST:1" } },
  { name: "localhost with a final dot", headers: { host: "localhost.:8080" } },
  { name: "a name under localhost", headers: { host: "bus.localhost:8080" } },
  { name: "127.0.0.1", headers: { host: "127.0.0.1:8080" } },
  { name: "another address of 127.0.0.0/8", headers: { host: "127.1.2.3" } },
  { name: "::1", headers: { host: "[::1]:8080" } },
  { name: "a foreign name", headers: { host: "evil.example" }, at: "Host" },
  { name: "a foreign name that starts like a loopback one", headers: { host: "localhost.evil.example" }, at: "Host" },
  { name: "a foreign name that ends like a loopback one", headers: { host: "evillocalhost" }, at: "Host" },
  { name: "a name that starts like a loopback address", headers: { host: "127.0.0.1.evil.example" }, at: "Host" },
  { name: "an address of the network", headers: { host: "192.168.0.7:8080" }, at: "Host" },
  { name: "an address that is none", headers: { host: "127.0.0.999" }, at: "Host" },
  { name: "nothing but a port", headers: { host: ":8080" }, at: "Host" },
];

const ORIGINS: readonly Case[] = [
  { name: "a loopback origin", headers: { origin: "http://localhost:3000" } },
  { name: "a loopback origin by address", headers: { origin: "http://127.0.0.1:3000" } },
  { name: "a loopback origin over https", headers: { origin: "https://[::1]:3000" } },
  { name: "a foreign origin", headers: { origin: "https://evil.example" }, at: "Origin" },
  { name: "the opaque origin", headers: { origin: "null" }, at: "Origin" },
  { name: "a file's origin", headers: { origin: "file://" }, at: "Origin" },
  { name: "the same site", headers: { "sec-fetch-site": "same-site" } },
  { name: "the same origin", headers: { "sec-fetch-site": "same-origin" } },
  { name: "no page at all", headers: { "sec-fetch-site": "none" } },
  { name: "another site", headers: { "sec-fetch-site": "cross-site" }, at: "Sec-Fetch-Site" },
];

const EVENT = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t" };

describe("on loopback", () => {
  it.each([...HOSTS, ...ORIGINS])("a request with $name is let in or refused, on both paths", async (row) => {
    const { url, bus } = await startServer();
    await bus.createTopic("default", undefined);
    const managed = await send(`${url}/topics`, { headers: row.headers });
    const published = await send(url, { method: "POST", headers: { ...EVENT, ...row.headers } });
    expect([managed.status, published.status]).toEqual(row.at === undefined ? [200, 202] : [403, 403]);
    if (row.at === undefined) return;
    for (const reply of [managed, published]) {
      expect(json(reply)).toMatchObject({ type: "https://pulsebus.dev/problems/forbidden-origin", at: row.at });
    }
    expect(bus.stored("default")).toEqual([]);
  });

  it("a verdict does not depend on what was asked before", async () => {
    const { url } = await startServer();
    for (let i = 0; i < 3; i += 1) {
      expect((await send(`${url}/topics`, { headers: { host: "evil.example" } })).status).toBe(403);
      expect((await send(`${url}/topics`, { headers: { host: "localhost" } })).status).toBe(200);
    }
  });
});

describe("beyond loopback", () => {
  it.each([
    { name: "any host name", headers: { host: "bus.example:8080" }, status: 200 },
    { name: "an origin of its own", headers: { host: "bus.example", origin: "http://bus.example" }, status: 200 },
    { name: "a page of another site", headers: { "sec-fetch-site": "cross-site" }, status: 403 },
  ])("a request with $name is answered $status", async ({ headers, status }) => {
    const { url } = await startServer({ host: "0.0.0.0" });
    const loopback = url.replace("0.0.0.0", "127.0.0.1");
    expect((await send(`${loopback}/topics`, { headers })).status).toBe(status);
  });
});
