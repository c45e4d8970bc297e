/**
 * The process that `crash.test.ts` kills: publishes and consumes as fast as it can, and keeps a ledger of what it was
 * told. A line is in the kernel's hands before the next step, so that the ledger survives the kill.
 *
 *   P id           a publish was confirmed          R id flag     an event was received (1: as redelivered)
 *   A id           it was acked                     T ms          the time, every few milliseconds
 */
import { openSync, writeSync } from "node:fs";
import { systemClock } from "../../../src/runtime/clock.ts";
import { idOf, makeEvents } from "../../../src/transport/conformance/events.ts";
import { EmbeddedLog, EVERYTHING, SETTINGS } from "./log.ts";

const [directory = "", ledgerPath = "", round = ""] = process.argv.slice(2);
const PUBLISHERS = 8;
const IN_FLIGHT = 32;
/** One that nobody kills would write until the disk is full. */
const LIFETIME_MS = 60_000;

setTimeout(() => process.exit(1), LIFETIME_MS);
const ledger = openSync(ledgerPath, "a");
const write = (line: string): number => writeSync(ledger, `${line}\n`);

const { transport } = await EmbeddedLog.reopen(directory);
await transport.provision("topic", SETTINGS);
await transport.createGroup("topic", "group", { at: "earliest" });
await Promise.all([consume(), ...Array.from({ length: PUBLISHERS }, (_, index) => publish(index))]);

async function publish(index: number): Promise<void> {
  const publisher = transport.publisher("topic");
  for (let call = 0; ; call += 1) {
    const events = makeEvents(1 + (call % 3), `${round}-${index}-${call}`);
    const results = await publisher.publish(events, systemClock.now() + 10_000);
    for (const [at, { id }] of events.entries()) if (results[at]?.ok) write(`P ${id}`);
  }
}

async function consume(): Promise<void> {
  const consumer = transport.consumer("topic", "group", { matcher: EVERYTHING });
  const { signal } = new AbortController();
  for (;;) {
    const items = await consumer.receive(IN_FLIGHT, signal);
    write(`T ${Date.now()}`);
    for (const item of items) write(`R ${idOf(item)} ${item.redelivered ? 1 : 0}`);
    await new Promise((resolve) => setImmediate(resolve)); // deliveries are open for a moment
    for (const item of items) {
      consumer.settle(item, "ack");
      write(`A ${idOf(item)}`);
    }
  }
}
