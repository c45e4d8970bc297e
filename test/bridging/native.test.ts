/** What a NATS client of its own has to do with bridges: it sees where an event has been, and it writes plain messages. */
import { connect, type JsMsg, type NatsConnection, headers as natsHeaders } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { statusBecomes, unique } from "../support/api.ts";
import { describeBroker } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { call, publish, send } from "../support/http.ts";
import { type RunningBus, startBus } from "./running-bus.ts";
import { topicOn, transportsOf } from "./sides.ts";

interface Browsed {
  readonly items: readonly { readonly event: Readonly<Record<string, unknown>> }[];
}

interface DeadMessage {
  readonly reason: string;
  readonly event: null;
  readonly malformed: { readonly problem: string; readonly bytes: string };
}

const PLAIN = Buffer.from([0x61, 0x2c, 0x62, 0x0d, 0x0a, 0xff]);

await describeBroker("nats", "a bridge and a client of the broker", (address) => {
  const name = unique("native");
  let bus: RunningBus;
  let native: NatsConnection;

  beforeAll(async () => {
    bus = await startBus({
      ...{ bus: { id: name }, transports: transportsOf(["nats"]) },
      topics: {
        plain: topicOn("nats", { address: `${name}-plain` }),
        raw: topicOn("nats", { address: `${name}-raw`, envelope: "raw" }),
        target: topicOn("nats", { address: `${name}-target` }),
        ...{ "from-plain": null, "from-raw": null, "to-target": null },
      },
      bridges: {
        plain: { from: "plain", to: "from-plain" },
        raw: { from: "raw", to: "from-raw" },
        out: { from: "to-target", to: "target" },
      },
    });
    native = await connect({ servers: address });
  });

  afterAll(async () => {
    await native.close();
    await bus[Symbol.asyncDispose]();
  });

  it("dead-letters a plain message of it with its bytes and the reason", async () => {
    await native.jetstream().publish(`${name}-plain`, PLAIN);
    const id = "bridge.plain.plain.from-plain";
    await statusBecomes(bus.url, id, { deadLetters: 1, delivered: 0, inFlight: 0 });
    const { items } = await call<{ items: DeadMessage[] }>(bus.url, "GET", `/subscriptions/${id}/dead-letters`);
    const malformed = { problem: expect.stringContaining("specversion"), bytes: PLAIN.toString("base64") };
    expect(items).toMatchObject([{ reason: "malformed", event: null, malformed }]);
  });

  it("carries a plain message of it as data, where the topic says raw, from the place where it was stored", async () => {
    const headers = natsHeaders();
    headers.set("Content-Type", "text/csv");
    await native.jetstream().publish(`${name}-raw`, PLAIN, { headers });
    const event = await eventually(async () => {
      const { items } = await call<Browsed>(bus.url, "GET", "/topics/from-raw/events");
      expect(items).toHaveLength(1);
      return items[0]?.event;
    });
    expect(event).toMatchObject({
      ...{ source: `/nats/${name}-raw`, type: "io.pulsebus.raw", id: expect.stringMatching(/-1$/) },
      ...{ datacontenttype: "text/csv", data_base64: PLAIN.toString("base64") },
    });
  });

  it("says where an event has been, in a header of it or in its document", async () => {
    await send(`${bus.url}/topics/to-target/events`, {
      method: "POST",
      headers: { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t" },
    });
    await publish(bus.url, "to-target", { id: "2", count: 5 });
    const [binary, structured] = await read(`${name}-target`, 2);
    expect(binary?.headers?.get("ce-bridgevia")).toBe(`${name}/to-target`);
    expect(structured?.json()).toMatchObject({ id: "2", count: 5, bridgevia: `${name}/to-target` });
  });

  async function read(subject: string, count: number): Promise<readonly JsMsg[]> {
    const manager = await native.jetstreamManager();
    const stream = await manager.streams.find(subject);
    await manager.consumers.add(stream, { durable_name: "peer", filter_subject: subject });
    const consumer = await native.jetstream().consumers.get(stream, "peer");
    const messages: JsMsg[] = [];
    for await (const message of await consumer.fetch({ max_messages: count, expires: 10_000 })) messages.push(message);
    return messages;
  }
});
