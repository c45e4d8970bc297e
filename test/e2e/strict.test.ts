/** What native producers send through the whole bus: slips are counted for their topic, or refused where it is strict. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { deadLetters, statusBecomes, subscribe, unique } from "../support/api.ts";
import { describeBroker } from "../support/brokers.ts";
import { call, send } from "../support/http.ts";
import { makeDirectory, type Pulsebus, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver, type TestReceiver } from "../support/receiver.ts";

const [TOLERANT, STRICT] = [unique("tolerant"), unique("strict")];
const SLOPPY = headers();
/** A `%` that starts no percent-encoding. */
const SLIPS = { specversion: "1.0", id: "1", source: "/native", type: "native", subject: "100%" };
for (const [name, value] of Object.entries(SLIPS)) SLOPPY.set(`ce-${name}`, value);

await describeBroker("nats", "events of native producers", (server) => {
  let bus: Pulsebus;
  let native: NatsConnection;
  let receiver: TestReceiver;

  beforeAll(async () => {
    const file = join(await makeDirectory(), "bus.yaml");
    const topics = `{ ${TOLERANT}: { transport: nats }, ${STRICT}: { transport: nats, strict: true } }`;
    const transports = `{ nats: { adapter: nats, servers: ["${server}"] } }`;
    await writeFile(
      file,
      `bus: { id: ${unique("bus")} }\negress: { allow: [127.0.0.0/8] }\ntransports: ${transports}\ntopics: ${topics}\n`,
    );
    receiver = await startReceiver();
    bus = await startPulsebus({ args: ["--config", file] });
    native = await connect({ servers: server });
  });

  afterAll(async () => {
    for (const name of [TOLERANT, STRICT]) await (await jetstreamManager(native)).streams.delete(name);
    await native.close();
    await bus[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  it("are delivered with their slips counted for the topic", async () => {
    const id = await subscribe(bus.url, { topic: TOLERANT, sink: receiver.url() });
    native.publish(TOLERANT, "data", { headers: SLOPPY });
    await statusBecomes(bus.url, id, { delivered: 1 });
    const metrics = `${(await send(`${bus.url}/metrics`)).body}`;
    expect(metrics).toContain(`pulsebus_leniencies_total{topic="${TOLERANT}",leniency="bare-percent"} 1`);
  });

  it("are dead-lettered as malformed, bytes and reason kept, where the topic is strict", async () => {
    const id = await subscribe(bus.url, { topic: STRICT, sink: receiver.url() });
    native.publish(STRICT, "data", { headers: SLOPPY });
    await statusBecomes(bus.url, id, { deadLetters: 1 });
    const [letter] = await deadLetters(bus.url, id);
    expect(letter).toMatchObject({ reason: "malformed", event: null });
    expect(JSON.stringify(letter?.malformed)).toContain(Buffer.from("data").toString("base64"));
    expect(letter?.malformed?.problem).toContain("subject");
    await call(bus.url, "DELETE", `/subscriptions/${id}`);
  });
});
