/** Goal: where a transport can't be read again, an archive is what replay reads, and it comes and goes with its topic. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { ReplayResource, SubscriptionResource, TopicResource } from "../../src/cli/resources.ts";
import { transportsOf } from "../bridging/sides.ts";
import { statusBecomes, subscribe, unique } from "../support/api.ts";
import { type BrokerName, describeBroker } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { call, json, send } from "../support/http.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { makeDirectory, type Pulsebus, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";
import { openTransport, soon } from "../support/transports.ts";

failOnLeaks();

const TEST_MS = 90_000;
const RETENTION = { maxAge: "1h", maxBytes: "1MiB" };

interface Stored {
  readonly position: string;
  readonly event: { readonly id: string };
}

/** A bus on this broker, which may be started again on its data, with other topics in its configuration. */
async function prepare(broker: BrokerName) {
  const dataDir = await makeDirectory();
  const file = join(dataDir, "bus.yaml");
  const id = unique("archive");
  return {
    id,
    async start(topics: object = {}) {
      await writeFile(file, JSON.stringify({ bus: { id }, transports: transportsOf([broker]), topics }));
      return startPulsebus({ args: ["--config", file], dataDir: join(dataDir, "data") });
    },
    [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true }),
  };
}

/** Documents whose bytes a detour through values would change. */
async function publish({ url }: Pulsebus, topic: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const body = `{"specversion":"1.0", "type":"t", "source":"/s", "id":"${id}", "data":{"n":1.0,"n2":12345678901234567890}}`;
    const headers = { "Content-Type": "application/cloudevents+json" };
    expect((await send(`${url}/topics/${topic}/events`, { method: "POST", headers, body })).status).toBe(202);
  }
}

/** After a crash some may be there twice. */
async function archived({ url }: Pulsebus, topic: string, ids: readonly string[]): Promise<readonly Stored[]> {
  return eventually(async () => {
    const { items } = await call<{ items: Stored[] }>(url, "GET", `/topics/pulsebus.archive.${topic}/events`);
    expect(new Set(items.map(({ event }) => event.id))).toEqual(new Set(ids));
    return items;
  }, 20_000);
}

async function replay({ url }: Pulsebus, subscription: string, request: object): Promise<void> {
  const { id } = await call<ReplayResource>(url, "POST", `/subscriptions/${subscription}/replay`, request);
  await eventually(async () => {
    const shown = await call<ReplayResource>(url, "GET", `/subscriptions/${subscription}/replays/${id}`);
    expect(shown).toMatchObject({ state: "done" });
  }, 20_000);
  await statusBecomes(url, subscription, { parked: 0, inFlight: 0 }, 20_000);
}

async function status(url: string, method: string, path: string, body?: object): Promise<number> {
  const sent = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return (await send(url + path, { method, ...sent })).status;
}

for (const broker of ["amqp", "gcp-pubsub"] as const) {
  await describeBroker(broker, `an archive of a topic on ${broker}`, () => {
    it(
      "keeps what is published, as it is, also what was published before a crash, and replay reads it",
      async () => {
        await using setup = await prepare(broker);
        await using receiver = await startReceiver();
        const topic = unique("orders");
        {
          await using bus = await setup.start();
          await call(bus.url, "PUT", `/topics/${topic}`, { transport: broker, archive: true });
          await publish(bus, topic, ["a", "b", "c"]);
          await bus.stop("SIGKILL");
        }
        await using bus = await setup.start();
        await publish(bus, topic, ["d", "e"]);
        const items = await archived(bus, topic, ["a", "b", "c", "d", "e"]);
        const raw = (await send(`${bus.url}/topics/pulsebus.archive.${topic}/events`)).body.toString();
        expect(raw.match(/"n":1\.0,"n2":12345678901234567890/g)).toHaveLength(items.length);
        expect(raw).not.toContain("bridgevia");

        const subscription = await subscribe(bus.url, { topic, sink: receiver.url() });
        await replay(bus, subscription, { from: "earliest" });
        expect(new Set(receiver.ids())).toEqual(new Set(["a", "b", "c", "d", "e"]));
        receiver.requests.length = 0;
        const [from, to] = [items[1], items[2]].map((item) => ({ position: item?.position }));
        await replay(bus, subscription, { from, to });
        expect(receiver.ids().sort()).toEqual(
          items
            .slice(1, 3)
            .map(({ event }) => event.id)
            .sort(),
        );
        await call(bus.url, "DELETE", `/subscriptions/${subscription}`);
        await call(bus.url, "DELETE", `/topics/${topic}`);
      },
      TEST_MS,
    );

    it(
      "is the bus's own: shown, not written, and gone with its topic or without the setting",
      async () => {
        await using setup = await prepare(broker);
        await using bus = await setup.start();
        const { url } = bus;
        const topic = unique("orders");
        const name = `pulsebus.archive.${topic}`;
        const input = { transport: broker, archive: true, retention: RETENTION };
        const shown = await call<TopicResource>(url, "PUT", `/topics/${topic}`, input);
        expect(shown).toMatchObject(input);
        expect(await status(url, "PUT", `/topics/${topic}`, shown)).toBe(200);
        expect(await call<TopicResource>(url, "GET", `/topics/${name}`)).toMatchObject({
          ...{ origin: "internal", transport: "embedded", retention: RETENTION, whenFull: "dropOldest" },
        });
        const filling = await call<SubscriptionResource>(url, "GET", `/subscriptions/${name}`);
        expect(filling).toMatchObject({
          origin: "internal",
          topic,
          sink: `topic:${name}`,
          status: { state: "active" },
        });

        expect(await status(url, "DELETE", `/topics/${name}`)).toBe(409);
        expect(await status(url, "PUT", `/topics/${name}`, {})).toBe(409);
        expect(await status(url, "DELETE", `/subscriptions/${name}`)).toBe(409);
        expect(await status(url, "POST", `/subscriptions/${name}/replay`, { from: "earliest" })).toBe(422);
        const event = { specversion: "1.0", id: "1", type: "t", source: "/s" };
        const headers = { "Content-Type": "application/cloudevents+json" };
        const write = await send(`${url}/topics/${name}/events`, {
          ...{ method: "POST", headers, body: JSON.stringify(event) },
        });
        expect(json(write)).toMatchObject({ status: 409, type: expect.stringMatching(/read-only$/) });
        expect(await status(url, "POST", "/subscriptions", { topic: name, sink: "pull:" })).toBe(400);
        expect(await status(url, "POST", "/subscriptions", { id: name, topic, sink: "pull:" })).toBe(400);

        await call(url, "PUT", `/topics/${topic}`, { transport: broker });
        await eventually(async () => expect(await status(url, "GET", `/topics/${name}`)).toBe(404));
        expect(await status(url, "GET", `/subscriptions/${name}`)).toBe(404);

        await call(url, "PUT", `/topics/${topic}`, input);
        await publish(bus, topic, ["again"]);
        await archived(bus, topic, ["again"]);
        await call(url, "DELETE", `/topics/${topic}`);
        await eventually(async () => expect(await status(url, "GET", `/topics/${name}`)).toBe(404));
        expect(await status(url, "GET", `/subscriptions/${name}`)).toBe(404);
      },
      TEST_MS,
    );
  });
}

await describeBroker("amqp", "an archive in the configuration", (address) => {
  it(
    "is made and removed by a start",
    async () => {
      await using setup = await prepare("amqp");
      const topic = unique("orders");
      const name = `pulsebus.archive.${topic}`;
      {
        await using bus = await setup.start({ [topic]: { transport: "amqp", archive: true } });
        await publish(bus, topic, ["a"]);
        await archived(bus, topic, ["a"]);
        await bus.stop();
      }
      {
        await using bus = await setup.start({ [topic]: { transport: "amqp" } });
        for (const path of [`/topics/${name}`, `/subscriptions/${name}`]) {
          await eventually(async () => expect(await status(bus.url, "GET", path)).toBe(404));
        }
        await bus.stop();
      }
      await using bus = await setup.start({ [topic]: { transport: "amqp", archive: true } });
      await publish(bus, topic, ["b"]);
      await archived(bus, topic, ["b"]);
      await bus.stop();
      const transport = await openTransport("amqp", address, { busId: setup.id });
      await transport.deleteGroup(topic, `${setup.id}/${name}`);
      await transport.deprovision(topic);
      await transport.close(soon());
    },
    TEST_MS,
  );
});

await describeBroker("nats", "an archive of a topic on nats", () => {
  it("is refused, since the broker itself can be read again", async () => {
    await using setup = await prepare("nats");
    await using bus = await setup.start();
    const refusing = call(bus.url, "PUT", `/topics/${unique("orders")}`, { transport: "nats", archive: true });
    await expect(refusing).rejects.toThrow(/422.*archive: the transport nats can be read again by itself/);
    await bus.stop();
  });
});
