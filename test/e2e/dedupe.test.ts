/** Idempotent publish, as publishers see it: over HTTP, through kill -9, and behind a bridge. */
import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { subscribe, unique } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { call, json, publish, publishBatch, type Reply, send } from "../support/http.ts";
import { type FailedStart, makeDirectory, type Pulsebus, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

interface Stored {
  readonly stored: "yes";
  readonly position: string;
  readonly duplicate?: true;
}

const MAIN = fileURLToPath(new URL("../../bin/pulsebus.js", import.meta.url));
const DEDUPE = { dedupe: { window: "10m" } };

function resultsOf(reply: Reply): readonly Stored[] {
  expect(reply.status).toBe(202);
  return json<{ results: Stored[] }>(reply).results;
}

async function createTopic(url: string, settings: object = DEDUPE): Promise<string> {
  const topic = unique("dedupe");
  await call(url, "PUT", `/topics/${topic}`, settings);
  return topic;
}

async function idsIn(url: string, topic: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: { event: { id: string } }[]; next: string | null } = await call(
      url,
      "GET",
      `/topics/${topic}/events?limit=1000${cursor === null ? "" : `&cursor=${cursor}`}`,
    );
    ids.push(...page.items.map(({ event }) => event.id));
    cursor = page.next;
  } while (cursor !== null);
  return ids;
}

async function metric(url: string, name: string, topic: string): Promise<number> {
  const text = (await send(`${url}/metrics`)).body.toString();
  const line = text.split("\n").find((one) => one.startsWith(`${name}{topic="${topic}"}`));
  return Number(line?.split(" ").at(-1));
}

describe("a topic with dedupe", () => {
  let bus: Pulsebus;

  beforeAll(async () => {
    bus = await startPulsebus();
  });
  afterAll(() => bus[Symbol.asyncDispose]());

  it("stores and delivers one of a hundred publishes at once, and answers all of them with its position", async () => {
    await using sink = await startReceiver();
    const topic = await createTopic(bus.url);
    await subscribe(bus.url, { topic, sink: sink.url("/") });
    const replies = await Promise.all(Array.from({ length: 100 }, () => publish(bus.url, topic, { id: "once" })));
    const results = replies.flatMap(resultsOf);
    expect(results.filter(({ duplicate }) => duplicate === undefined)).toHaveLength(1);
    expect(new Set(results.map(({ position }) => position)).size).toBe(1);
    await publish(bus.url, topic, { id: "last" });
    await sink.received(2);
    expect(sink.ids("/").toSorted()).toEqual(["last", "once"]);
    expect(await metric(bus.url, "pulsebus_events_duplicates_total", topic)).toBe(99);
    expect(await metric(bus.url, "pulsebus_events_published_total", topic)).toBe(2);
  });

  it("answers a batch by index", async () => {
    const topic = await createTopic(bus.url);
    const [first] = resultsOf(await publish(bus.url, topic, { id: "a" }));
    const results = resultsOf(await publishBatch(bus.url, topic, [{ id: "b" }, { id: "a" }, { id: "b" }, { id: "c" }]));
    expect(results.map(({ duplicate }) => duplicate === true)).toEqual([false, true, true, false]);
    expect(results[1]?.position).toBe(first?.position);
    expect(results[2]?.position).toBe(results[0]?.position);
    expect(await idsIn(bus.url, topic)).toEqual(["a", "b", "c"]);
  });

  it("is shown with its window, takes another one, and is refused one that makes no sense", async () => {
    const topic = await createTopic(bus.url);
    expect(await call(bus.url, "GET", `/topics/${topic}`)).toMatchObject(DEDUPE);
    await publish(bus.url, topic, { id: "a" });
    await publish(bus.url, topic, { id: "a" });
    await call(bus.url, "PUT", `/topics/${topic}`, { dedupe: { window: "1h" } });
    expect(await call(bus.url, "GET", `/topics/${topic}`)).toMatchObject({ dedupe: { window: "1h" } });
    expect(resultsOf(await publish(bus.url, topic, { id: "a" }))[0]?.duplicate).toBe(true);
    expect(await metric(bus.url, "pulsebus_events_duplicates_total", topic)).toBe(2);
    const body = JSON.stringify({ dedupe: { window: "2d" } });
    const headers = { "Content-Type": "application/json" };
    const refused = await send(`${bus.url}/topics/${topic}`, { method: "PUT", headers, body });
    expect([refused.status, json<{ at: string }>(refused).at]).toEqual([400, "/dedupe/window"]);
  });

  it("takes what a subscription forwards into it as published, too", async () => {
    const [from, to] = [await createTopic(bus.url, {}), await createTopic(bus.url)];
    await subscribe(bus.url, { topic: from, sink: `topic:${to}` });
    for (const id of ["a", "b", "a", "a", "c"]) await publish(bus.url, from, { id });
    await eventually(async () => {
      expect(await metric(bus.url, "pulsebus_events_duplicates_total", to)).toBe(2);
      expect((await idsIn(bus.url, to)).toSorted()).toEqual(["a", "b", "c"]);
    });
    expect(await idsIn(bus.url, from)).toHaveLength(5);
  });

  it("leaves topics without it as they are: an empty answer, and everything is stored", async () => {
    const topic = await createTopic(bus.url, {});
    for (const reply of [await publish(bus.url, topic, { id: "a" }), await publish(bus.url, topic, { id: "a" })]) {
      expect([reply.status, reply.body.length]).toEqual([202, 0]);
    }
    expect(await idsIn(bus.url, topic)).toEqual(["a", "a"]);
  });
});

describe("kill -9", () => {
  const PUBLISHERS = 16;
  const KILLS = 3;
  /** Events that are answered before each kill. */
  const ANSWERS = 300;

  it("while publishers repeat what was not answered stores each event once", { timeout: 120_000 }, async () => {
    const dataDir = await makeDirectory();
    let running = startPulsebus({ dataDir });
    const topic = await createTopic((await running).url);
    const positions = new Map<string, string>();
    /** Sends it until it is answered, however often that takes. */
    const publishUntilAnswered = async (id: string): Promise<Stored | undefined> => {
      for (;;) {
        const { url } = await running;
        const reply = await publish(url, topic, { id }).catch(() => undefined);
        if (reply !== undefined) return resultsOf(reply)[0];
      }
    };
    const killed = async (bus: Pulsebus): Promise<Pulsebus> => {
      await bus.stop("SIGKILL");
      return startPulsebus({ dataDir });
    };
    let stopped = false;
    const publishers = Array.from({ length: PUBLISHERS }, async (_, publisher) => {
      for (let count = 0; !stopped; count += 1) {
        const id = `${publisher}-${count}`;
        const position = (await publishUntilAnswered(id))?.position ?? "";
        positions.set(id, position);
        if (count % 3 === 0) expect(await publishUntilAnswered(id)).toMatchObject({ position, duplicate: true });
      }
    });
    try {
      for (let kill = 1; kill <= KILLS; kill += 1) {
        await eventually(() => expect(positions.size).toBeGreaterThan(kill * ANSWERS), 30_000);
        running = killed(await running);
      }
      const { url } = await running;
      stopped = true;
      await Promise.all(publishers);
      const stored = await idsIn(url, topic);
      expect(stored).toHaveLength(new Set(stored).size);
      expect(stored.toSorted()).toEqual([...positions.keys()].toSorted());
    } finally {
      stopped = true;
      const last = await running;
      running = Promise.reject(new Error("the test is over")); // for publishers that a failure left behind
      await Promise.allSettled([last.stop("SIGKILL"), running, ...publishers]);
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

describe("a transport that can't recognize duplicates", () => {
  const transports = 'bus: { id: b }\ntransports: { far: { adapter: kafka, servers: ["127.0.0.1:1"] } }\n';

  it("refuses the setting, with the reason: in the API, at the start, and to `pulsebus check`", async () => {
    const dataDir = await makeDirectory();
    const file = join(dataDir, "bus.yaml");
    try {
      await writeFile(file, `${transports}topics: { orders: }\n`);
      await using bus = await startPulsebus({ dataDir, args: ["--config", file] });
      const body = JSON.stringify({ transport: "far", ...DEDUPE });
      const headers = { "Content-Type": "application/json" };
      const refused = await send(`${bus.url}/topics/far`, { method: "PUT", headers, body });
      expect([refused.status, json<{ at: string }>(refused).at]).toEqual([422, "/dedupe"]);
      expect(refused.body.toString()).toContain("the transport far can't recognize");
      await bus.stop();
      await writeFile(file, `${transports}topics: { orders: { transport: far, dedupe: { window: 10m } } }\n`);
      const failure = await startPulsebus({ dataDir, args: ["--config", file] }).catch((error: unknown) => error);
      const reason = "topics.orders.dedupe: the transport far can't recognize";
      expect((failure as FailedStart).stderr).toContain(reason);
      const check = promisify(execFile)(process.execPath, [MAIN, "check", "--config", file]);
      await expect(check).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(`${file}: ${reason}`) });
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
