/** Start, stop, restart and configuration of the real process. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { showSubscription, statusBecomes, subscribe, unique } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { call, json, publish, publishBatch, send } from "../support/http.ts";
import { failOnLeaks, track } from "../support/leaks.ts";
import { FailedStart, makeDirectory, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

failOnLeaks();

/** A data directory that outlives its processes. */
async function dataDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await makeDirectory();
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

describe("a restart", () => {
  it.each(["SIGTERM", "SIGKILL"] as const)(
    "after %s keeps topics, subscriptions, backlog and the time of a retry",
    async (signal) => {
      await using directory = await dataDirectory();
      await using sink = await startReceiver(({ headers, path }) =>
        path === "/later" && headers["pulsebus-attempt"] === "1"
          ? { status: 503, headers: { "Retry-After": "2" } }
          : 204,
      );
      const topic = unique("restart");
      let later: string;
      let paused: string;
      {
        await using first = await startPulsebus({ dataDir: directory.path });
        later = await subscribe(first.url, { topic, sink: sink.url("/later") });
        paused = await subscribe(first.url, { topic, sink: sink.url("/paused") });
        await call(first.url, "POST", `/subscriptions/${paused}/pause`);
        await publish(first.url, topic, { id: "K-1" });
        await statusBecomes(first.url, later, { parked: 1 });
        await first.stop(signal);
      }
      await using second = await startPulsebus({ dataDir: directory.path });
      expect((await showSubscription(second.url, paused)).status).toMatchObject({ state: "paused", backlog: 1 });
      const [attempt1, attempt2] = await sink.received(2);
      expect(attempt2?.headers["pulsebus-attempt"]).toBe("2");
      const waitedMs = (attempt2?.at ?? 0) - (attempt1?.at ?? 0);
      expect(waitedMs).toBeGreaterThan(1_990);
      expect(waitedMs).toBeLessThan(15_000);
      await statusBecomes(second.url, later, { parked: 0 });
      await call(second.url, "POST", `/subscriptions/${paused}/resume`);
      await sink.received(3);
      expect(sink.ids("/paused")).toEqual(["K-1"]);
    },
  );

  it("with a configuration that no longer has a subscription keeps it detached until it is deleted", async () => {
    await using directory = await dataDirectory();
    await using sink = await startReceiver();
    const file = join(directory.path, "bus.yaml");
    const start = () => startPulsebus({ dataDir: join(directory.path, "data"), args: ["--config", file] });
    await writeFile(
      file,
      `topics: { orders: }\nsubscriptions: { billing: { topic: orders, sink: "${sink.url()}" } }\n`,
    );
    {
      await using first = await start();
      expect((await showSubscription(first.url, "billing")).origin).toBe("config");
      await publish(first.url, "orders", { id: "C-1" });
      await sink.received(1);
      await statusBecomes(first.url, "billing", { backlog: 0 });
      const refused = await send(`${first.url}/subscriptions/billing`, { method: "DELETE" });
      expect(refused.status).toBe(409);
      expect(json<{ type: string }>(refused).type).toMatch(/read-only$/);
      await first.stop();
    }
    await writeFile(file, "topics: { orders: }\n");
    await using second = await start();
    await publish(second.url, "orders", { id: "C-2" });
    await statusBecomes(second.url, "billing", { state: "detached", backlog: 1, inFlight: 0 });
    expect(sink.ids()).toEqual(["C-1"]);
    await call(second.url, "DELETE", "/subscriptions/billing");
    expect((await send(`${second.url}/subscriptions/billing`)).status).toBe(404);
  });
});

describe("stopping", () => {
  it("ends with status 0 within the drain time although a webhook hangs, and delivers again after the restart", async () => {
    await using directory = await dataDirectory();
    let hangs = true;
    await using sink = await startReceiver(() => (hangs ? new Promise(() => {}) : 204));
    const topic = unique("drain");
    {
      await using first = await startPulsebus({ dataDir: directory.path, args: ["--set", "drainTimeout=1s"] });
      await subscribe(first.url, { topic, sink: sink.url() });
      await publish(first.url, topic, { id: "H-1" });
      await sink.received(1);
      const startedAt = performance.now();
      expect(await first.stop()).toEqual({ code: 0, signal: null });
      expect(performance.now() - startedAt).toBeLessThan(8_000);
    }
    hangs = false;
    await using _second = await startPulsebus({ dataDir: directory.path });
    const requests = await sink.received(2);
    // The attempt that the shutdown cut off was no failure.
    expect(requests.map(({ headers }) => headers["pulsebus-attempt"])).toEqual(["1", "1"]);
  });

  it("waits for running attempts, takes nothing new meanwhile, and ends at once at a second signal", async () => {
    await using sink = await startReceiver(() => new Promise(() => {}));
    const topic = unique("second-signal");
    await using bus = await startPulsebus({ args: ["--set", "drainTimeout=60s"] });
    await subscribe(bus.url, { topic, sink: sink.url(), delivery: { timeout: "50s" } });
    await publish(bus.url, topic, { id: "H-2" });
    await sink.received(1);
    bus.signal("SIGTERM");
    await eventually(() => expect(bus.logs.map(({ msg }) => msg)).toContainEqual(expect.stringMatching(/stopping/)));
    await eventually(async () => {
      const answer = await publish(bus.url, topic, { id: "H-3" }).then(
        ({ status }) => status,
        () => "refused",
      );
      expect([503, "refused"]).toContain(answer);
    });
    const startedAt = performance.now();
    expect(await bus.stop("SIGTERM")).toEqual({ code: null, signal: "SIGTERM" });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it("ends in good order while no broker is there, and what the bus waits for stays to be done", {
    timeout: 120_000,
  }, async () => {
    await using directory = await dataDirectory();
    const file = join(directory.path, "bus.json");
    const transports = {
      nats: { adapter: "nats", servers: ["127.0.0.1:1"] },
      amqp: { adapter: "amqp", servers: ["amqp://127.0.0.1:1"] },
      kafka: { adapter: "kafka", servers: ["127.0.0.1:1"] },
      pubsub: { adapter: "gcp-pubsub", projectId: "test", emulator: "127.0.0.1:1" },
    };
    const topics = Object.fromEntries(Object.keys(transports).map((transport) => [`on-${transport}`, { transport }]));
    const subscriptions = Object.fromEntries(
      Object.keys(topics).map((topic) => [`of-${topic}`, { topic, sink: "http://127.0.0.1:1/" }]),
    );
    await writeFile(file, JSON.stringify({ bus: { id: "b" }, transports, topics, subscriptions }));
    const start = () => startPulsebus({ dataDir: join(directory.path, "data"), args: ["--config", file] });
    const first = await start();
    const startedAt = performance.now();
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await using second = await start();
    for (const topic of Object.keys(topics)) {
      expect(await call(second.url, "GET", `/topics/${topic}`)).toMatchObject({ state: "provisioning" });
      expect((await showSubscription(second.url, `of-${topic}`)).status).toMatchObject({ state: "provisioning" });
    }
  });

  it("finishes a delivery that is under way", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await using sink = await startReceiver(async () => {
      await released;
      return 204;
    });
    const topic = unique("finish");
    await using directory = await dataDirectory();
    {
      await using first = await startPulsebus({ dataDir: directory.path });
      await subscribe(first.url, { topic, sink: sink.url() });
      await publish(first.url, topic, { id: "F-1" });
      await sink.received(1);
      const exit = first.stop();
      release();
      expect(await exit).toEqual({ code: 0, signal: null });
    }
    await using second = await startPulsebus({ dataDir: directory.path });
    await publish(second.url, topic, { id: "F-2" });
    await sink.received(2);
    expect(sink.ids()).toEqual(["F-1", "F-2"]);
  });
});

describe("npm start", () => {
  it("passes flags on, and ends the bus in good order when it is told to end", async () => {
    await using directory = await dataDirectory();
    const root = new URL("../../", import.meta.url).pathname;
    const flags = ["--port", "0", "--data-dir", directory.path, "--log-format", "json"];
    const npm = spawn("npm", ["start", "--", ...flags], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    const untrack = track("npm", () => process.kill(-(npm.pid ?? 0), "SIGKILL"));
    let output = "";
    npm.stdout.on("data", (chunk) => {
      output += chunk;
    });
    const url = await eventually(() => {
      const [, found] = /"url":"([^"]+)"/.exec(output) ?? [];
      if (found === undefined) throw new Error(`it does not listen: ${output}`);
      return found;
    }, 20_000);
    expect((await send(`${url}/readyz`)).status).toBe(200);
    const closed = once(npm, "close");
    npm.kill("SIGTERM");
    await eventually(() => expect(send(`${url}/readyz`)).rejects.toThrow(/ECONNREFUSED/));
    await closed;
    untrack();
    expect(output).toContain('"signal":"SIGTERM"');
  });
});

describe("starting", () => {
  it("refuses a data directory that another process uses, in one sentence", async () => {
    await using first = await startPulsebus();
    const failure = await startPulsebus({ dataDir: first.dataDir }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FailedStart);
    const { exit, stderr } = failure as FailedStart;
    expect(exit.code).toBe(1);
    expect(stderr).toMatch(/^pulsebus: .*in use by another .*process.*\n$/i);
    expect(stderr).toContain(first.dataDir);
    expect((await send(`${first.url}/readyz`)).status).toBe(200);
  });

  it("refuses a wrong configuration with file, line and path of every fault", async () => {
    await using directory = await dataDirectory();
    const file = join(directory.path, "bus.yaml");
    await writeFile(file, "topics:\n  orders: { retention: { maxAge: soon } }\nsubscription: {}\n");
    const failure = await startPulsebus({ dataDir: directory.path, args: ["--config", file] }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(FailedStart);
    const { stderr } = failure as FailedStart;
    expect(stderr).toMatch(/bus\.yaml:3\b.*subscription/);
    expect(stderr).not.toContain("at ");
  });

  it("ends when it can't start, also while the client of a broker goes on connecting", async () => {
    await using directory = await dataDirectory();
    const file = join(directory.path, "bus.yaml");
    const subscribedTo = (topic: string): string =>
      `bus: { id: b }
transports: { far: { adapter: nats, servers: ["127.0.0.1:1"] } }
topics: { near: , away: { transport: far } }
subscriptions: { s: { topic: ${topic}, sink: "http://127.0.0.1:1/" } }\n`;
    const start = () => startPulsebus({ dataDir: directory.path, args: ["--config", file] });
    await writeFile(file, subscribedTo("near"));
    await (await start()).stop();
    await writeFile(file, subscribedTo("away"));
    const failure = await start().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FailedStart);
    const { exit, stderr } = failure as FailedStart;
    expect(exit).toEqual({ code: 1, signal: null });
    expect(stderr).toMatch(/^pulsebus: .*"s" reads topic "near", which can't be changed.*\n$/);
  });

  it("takes values from variables and flags, and says where it listens", async () => {
    await using bus = await startPulsebus({
      env: { PULSEBUS_LIMITS_EVENT_BYTES: "64KiB" },
      args: ["--set", "bus.id=eu-1"],
    });
    const listening = bus.logs.find(({ url }) => url === bus.url);
    expect(listening).toMatchObject({ level: "info", busId: "eu-1" });
    expect((await publish(bus.url, "t", { id: "small", data: "x".repeat(60_000) })).status).toBe(202);
    expect((await publish(bus.url, "t", { id: "large", data: "x".repeat(70_000) })).status).toBe(413);
  });

  it("serves the topics of a configuration file and no others", async () => {
    await using directory = await dataDirectory();
    const file = join(directory.path, "bus.json");
    await writeFile(file, JSON.stringify({ topics: { orders: {} } }));
    await using bus = await startPulsebus({ args: ["--config", file] });
    expect((await publish(bus.url, "orders", { id: "1" })).status).toBe(202);
    const unknown = await publish(bus.url, "others", { id: "1" });
    expect(unknown.status).toBe(404);
    expect(json<{ type: string }>(unknown).type).toMatch(/unknown-topic$/);
    expect((await send(`${bus.url}/topics/others`, { method: "PUT" })).status).toBe(201);
    expect((await send(`${bus.url}/topics/others`, { method: "PUT" })).status).toBe(200);
    expect((await publish(bus.url, "others", { id: "1" })).status).toBe(202);
  });
});

describe("a temporary subscription", () => {
  it("deletes itself when it expires", async () => {
    await using sink = await startReceiver();
    await using bus = await startPulsebus();
    const topic = unique("expires");
    const expires = new Date(Date.now() + 3_000).toISOString();
    const id = await subscribe(bus.url, { topic, sink: sink.url(), expires });
    await publishBatch(bus.url, topic, [{ id: "1" }]);
    await sink.received(1);
    await eventually(async () => expect((await send(`${bus.url}/subscriptions/${id}`)).status).toBe(404));
  });
});
