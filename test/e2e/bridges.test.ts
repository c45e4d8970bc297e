import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SubscriptionResource } from "../../src/cli/resources.ts";
import { showSubscription, statusBecomes } from "../support/api.ts";
import { call, publish } from "../support/http.ts";
import { type Pulsebus, startPulsebus } from "../support/pulsebus.ts";

let directory: string;
let bus: Pulsebus;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "pulsebus-bridges-"));
  const file = join(directory, "bus.yaml");
  await writeFile(
    file,
    `topics: { eu: , us: , archive: }
bridges: { atlantic: { between: [ eu, us ] }, paid: { from: us, to: archive, types: [ paid ] } }\n`,
  );
  bus = await startPulsebus({ args: ["--config", file] });
});

afterAll(async () => {
  await bus[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function idsIn(topic: string): Promise<readonly unknown[]> {
  const { items } = await call<{ items: { event: { id: string } }[] }>(bus.url, "GET", `/topics/${topic}/events`);
  return items.map(({ event }) => event.id).sort();
}

it("carries events both ways, each once, and one way what matches", async () => {
  await publish(bus.url, "eu", { id: "E", type: "paid" });
  await publish(bus.url, "us", { id: "U", type: "opened" });
  await statusBecomes(bus.url, "bridge.atlantic.eu.us", { backlog: 0, inFlight: 0, delivered: 1 });
  await statusBecomes(bus.url, "bridge.atlantic.us.eu", { backlog: 0, inFlight: 0, delivered: 1 });
  await statusBecomes(bus.url, "bridge.paid.us.archive", { backlog: 0, inFlight: 0, delivered: 1 });
  expect([await idsIn("eu"), await idsIn("us"), await idsIn("archive")]).toEqual([["E", "U"], ["E", "U"], ["E"]]);
});

it("is shown as subscriptions that belong to the configuration", async () => {
  const { origin }: SubscriptionResource = await showSubscription(bus.url, "bridge.atlantic.eu.us");
  expect(origin).toBe("config");
});
