/** What a process that was killed held of a group: it comes again, in its order, and before what was stored later. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import type { Event } from "../../src/event/event.ts";
import { idsOf, makeEvent } from "../../src/transport/conformance/events.ts";
import { receiveAndAck } from "../../src/transport/conformance/steps.ts";
import type { Transport } from "../../src/transport/port.ts";
import { type BrokerName, describeBroker } from "../support/brokers.ts";
import { EVERYTHING, openTransport, orderedTopic, soon, uniqueName } from "../support/transports.ts";
import type { Hold } from "./holder.ts";

const HOLDER = new URL("holder.ts", import.meta.url).pathname;
/** Leases that nobody extends any more, a process that starts, a busy machine. */
const TIMEOUT_MS = 60_000;
/** More than 32: an Erlang map keeps its order by accident up to there. */
const HELD = 35;
const LATER = 7;

/** How many of a key's events a group is handed before it settles any. */
const BROKERS: Readonly<Record<BrokerName, number>> = { nats: HELD, amqp: HELD, kafka: HELD, "gcp-pubsub": 1 };

for (const [broker, held] of Object.entries(BROKERS) as [BrokerName, number][]) {
  await describeBroker(broker, `a consumer of ${broker} that is killed`, (server) => {
    it("leaves its key in order", { timeout: TIMEOUT_MS }, async () => {
      const transport = await openTransport(broker, server);
      const [address, group] = [uniqueName(), uniqueName()];
      await transport.provision(address, await orderedTopic(broker));
      await transport.createGroup(address, group, { at: "latest" });
      const events = Array.from({ length: HELD + LATER }, () => makeEvent({ attributes: [["partitionkey", "one"]] }));
      await publishAll(transport, address, events.slice(0, HELD));
      await holdAndDie({ broker, server, address, group }, held);
      await publishAll(transport, address, events.slice(HELD));
      const items = await receiveAndAck(transport.consumer(address, group, { matcher: EVERYTHING }), events.length);
      expect(idsOf(items)).toEqual(events.map(({ id }) => id));
      await transport.deprovision(address);
      await transport.close(soon());
    });
  });
}

async function publishAll(transport: Transport, address: string, events: readonly Event[]): Promise<void> {
  const results = await transport.publisher(address).publish(events, soon());
  expect(results.every(({ ok }) => ok)).toBe(true);
}

/** Resolves once a process has been handed so many events and was killed. */
async function holdAndDie(hold: Hold, count: number): Promise<void> {
  const holder = spawn(process.execPath, [HOLDER, JSON.stringify(hold)], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(holder, "exit");
  let held = 0;
  for await (const _ of createInterface({ input: holder.stdout })) {
    held += 1;
    if (held === count) break;
  }
  holder.kill("SIGKILL");
  await ended;
  expect(held).toBe(count);
}
