/**
 * Goal: a broker that is away takes nothing else along, and what was asked of it comes to pass once it is back, also
 * through a crash. Method: the real process, and brokers of the tests' own that are down when it starts.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import type { SubscriptionResource, TopicResource } from "../../src/cli/resources.ts";
import { showSubscription, statusBecomes, unique } from "../support/api.ts";
import { type BrokerName, describeOwnBroker, type OwnBroker } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { call, json, publish, send } from "../support/http.ts";
import { temporaryDirectory } from "../support/open-bus.ts";
import { type Pulsebus, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

/** How soon work goes on after a broker is back. */
const RECOVERY_MS = 5_000;
const TEST_MS = 240_000;

interface Problem {
  readonly type: string;
  readonly detail: string;
}

function transportOf(name: BrokerName, broker: OwnBroker): object {
  if (name === "gcp-pubsub") return { adapter: name, projectId: "pulsebus-test", emulator: broker.address };
  return { adapter: name, servers: [broker.address] };
}

async function start(directory: string, configuration: object): Promise<Pulsebus> {
  const file = join(directory, "bus.json");
  await writeFile(file, JSON.stringify({ bus: { id: unique("away") }, ...configuration }));
  return startPulsebus({ dataDir: join(directory, "data"), args: ["--config", file] });
}

function topic(url: string, name: string): Promise<TopicResource> {
  return call(url, "GET", `/topics/${name}`);
}

for (const name of ["nats", "amqp", "kafka", "gcp-pubsub"] as const) {
  describeOwnBroker(name, `a bus that starts while ${name} is away`, (broker) => {
    beforeAll(() => broker.stop(), TEST_MS);

    it("serves all that does not need it, says what is missing, and is complete soon after it is back", {
      timeout: TEST_MS,
    }, async () => {
      await using directory = await temporaryDirectory();
      await using sink = await startReceiver();
      const far = unique("far");
      await using bus = await start(directory.path, {
        transports: { there: transportOf(name, broker) },
        topics: { near: {}, [far]: { transport: "there" } },
        subscriptions: {
          plain: { topic: "near", sink: sink.url("/plain") },
          out: { topic: "near", sink: `topic:${far}` },
          back: { topic: far, sink: sink.url("/back") },
        },
      });
      expect(await topic(bus.url, "near")).toMatchObject({ state: "ready", reason: null });
      expect(await topic(bus.url, far)).toMatchObject({ state: "provisioning", stats: { events: null } });
      await eventually(async () => {
        const { detail } = json<Problem>(await send(`${bus.url}/readyz`));
        expect(detail).toMatch(/there: .*topic "far-.*: .*subscription "out": topic "far-.*" is provisioning: /);
      }, 30_000);
      await eventually(async () => expect((await topic(bus.url, far)).reason).not.toMatch(/not answered yet/), 30_000);
      expect((await showSubscription(bus.url, "out")).status).toMatchObject({ state: "provisioning" });
      expect((await showSubscription(bus.url, "back")).status).toMatchObject({ state: "provisioning", backlog: null });
      expect((await send(`${bus.url}/metrics`)).status).toBe(200);

      expect((await publish(bus.url, "near", { id: "1" })).status).toBe(202);
      await sink.received(1);
      const refused = await publish(bus.url, far, { id: "2" });
      expect(refused).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
      expect(json<Problem>(refused).type).toMatch(/unavailable$/);

      await broker.start();
      await eventually(async () => expect((await send(`${bus.url}/readyz`)).status).toBe(200), RECOVERY_MS);
      await statusBecomes(bus.url, "back", { state: "active", reason: null });
      await statusBecomes(bus.url, "out", { state: "active", delivered: 1 });
      expect((await publish(bus.url, far, { id: "3" })).status).toBe(202);
      await eventually(() => expect(sink.ids("/back")).toContain("3"));
    });
  });
}

describeOwnBroker("nats", "a bus whose broker goes away", (broker) => {
  /** With a topic `far` on the broker that the test makes, and one without. */
  const configuration = { bus: { id: unique("away") }, topics: { near: {} } };
  const begin = (directory: string) =>
    start(directory, { ...configuration, transports: { there: transportOf("nats", broker) } });

  it("keeps a deletion through a crash, and finishes it when the broker is back", { timeout: TEST_MS }, async () => {
    await using directory = await temporaryDirectory();
    const [far, id] = [unique("far"), unique("s")];
    const subscription = { id, topic: far, sink: "http://127.0.0.1:1/" };
    await using first = await begin(directory.path);
    await call(first.url, "PUT", `/topics/${far}`, { transport: "there" });
    await call(first.url, "POST", "/subscriptions", subscription);
    await broker.stop();
    const deleted = await send(`${first.url}/subscriptions/${id}`, { method: "DELETE" });
    expect(deleted.status).toBe(503);
    expect(json<Problem>(deleted).detail).toMatch(/is being deleted, .*NATS/);
    expect((await showSubscription(first.url, id)).status).toMatchObject({ state: "deleting" });
    await first.stop("SIGKILL");

    await using second = await begin(directory.path);
    expect((await showSubscription(second.url, id)).status).toMatchObject({ state: "deleting" });
    const again = await call<Problem>(second.url, "POST", "/subscriptions", subscription).catch((error) => error);
    expect(String(again)).toMatch(/409.*is being deleted: /);
    await broker.start();
    await eventually(
      async () => expect((await send(`${second.url}/subscriptions/${id}`)).status).toBe(404),
      RECOVERY_MS,
    );
    expect((await call<SubscriptionResource>(second.url, "POST", "/subscriptions", subscription)).id).toBe(id);
    await call(second.url, "DELETE", `/subscriptions/${id}`);
    await call(second.url, "DELETE", `/topics/${far}`);
    expect((await send(`${second.url}/topics/${far}`)).status).toBe(404);
  });

  it("keeps a topic that is being created through a crash, and a subscription that forwards into it", {
    timeout: TEST_MS,
  }, async () => {
    await using directory = await temporaryDirectory();
    const far = unique("far");
    await broker.stop();
    await using first = await begin(directory.path);
    const put = await send(`${first.url}/topics/${far}`, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: '{"transport":"there"}',
    });
    expect(put.status).toBe(503);
    expect(await topic(first.url, far)).toMatchObject({ state: "provisioning", reason: expect.stringMatching(/NATS/) });
    const made = await call<SubscriptionResource>(first.url, "POST", "/subscriptions", {
      id: "out",
      topic: "near",
      sink: `topic:${far}`,
    });
    expect(made.status).toMatchObject({ state: "provisioning" });
    await publish(first.url, "near", { id: "1" });
    await first.stop("SIGKILL");

    await using second = await begin(directory.path);
    expect(await topic(second.url, far)).toMatchObject({ state: "provisioning" });
    await broker.start();
    await statusBecomes(second.url, "out", { state: "active", delivered: 1 }, RECOVERY_MS);
    expect(await topic(second.url, far)).toMatchObject({ state: "ready", stats: { events: 1 } });
  });

  it("creates no subscription that it has answered 503 for", { timeout: TEST_MS }, async () => {
    await using directory = await temporaryDirectory();
    const far = unique("far");
    await using bus = await begin(directory.path);
    await call(bus.url, "PUT", `/topics/${far}`, { transport: "there" });
    await broker.stop();
    const input = { topic: far, sink: "http://127.0.0.1:1/" };
    await expect(call(bus.url, "POST", "/subscriptions", input)).rejects.toThrow(/503.*was not created/);
    await broker.start();
    await eventually(async () => {
      expect(await call(bus.url, "GET", "/subscriptions")).toEqual({ items: [], next: null });
    }, RECOVERY_MS);
    expect((await call<SubscriptionResource>(bus.url, "POST", "/subscriptions", input)).status.state).toBe("active");
  });
});
