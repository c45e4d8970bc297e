/** A backlog on a broker that one webhook works off. */
import type { BrokerName } from "../../../support/brokers.ts";
import type { Bench } from "../../harness/bench.ts";
import { type Measurement, median, type Skipped } from "../../harness/measurement.ts";
import { SINGLE } from "../../harness/message.ts";
import type { CpuUsage } from "../../harness/process-usage.ts";
import type { Server } from "../../harness/server.ts";
import { deliverBare, rateOf, requireAll } from "../delivery.ts";
import { type BrokerRow, cpuDetails, startBus, TITLES, topicSettings, unlessMissing } from "./buses.ts";
import { Scratch } from "./scratch.ts";

export async function brokerConsume(bench: Bench, broker: BrokerName): Promise<readonly (Measurement | Skipped)[]> {
  const row: BrokerRow = { row: `consume-${broker}`, name: `${TITLES[broker]} → webhook`, brokers: [broker] };
  return unlessMissing(row, () => measure(bench, broker, row));
}

async function measure(bench: Bench, broker: BrokerName, { row, name }: BrokerRow): Promise<readonly Measurement[]> {
  const { rounds, brokerEvents: events } = bench.sizes;
  await using scratch = new Scratch();
  await using server = await startBus([broker]);
  const rates: number[] = [];
  const bareRates: number[] = [];
  const rawRates: number[] = [];
  let cpu: CpuUsage | undefined;
  for (let round = -1; round < rounds; round += 1) {
    const bare = await deliverBare(bench, events);
    const real = await deliverBacklog(bench, { scratch, server, broker, events });
    if (round === -1) continue; // warm-up
    bareRates.push(rateOf(bare.received));
    rawRates.push(real.rawRate);
    rates.push(real.rate);
    ({ cpu } = real);
  }
  const [value, bare, raw] = [median(rates), median(bareRates), median(rawRates)];
  const ceiling = raw < bare ? { name: "raw client", value: raw } : { name: "bare undici", value: bare };
  const details = { "raw client": raw, "bare undici": bare, ...cpuDetails(cpu, events) };
  return [{ row, name, value, unit: "/s", ceiling, details }];
}

interface Backlog {
  readonly scratch: Scratch;
  readonly server: Server;
  readonly broker: BrokerName;
  readonly events: number;
}

export async function deliverBacklog(bench: Bench, { scratch, server, broker, events }: Backlog) {
  const { raw } = scratch;
  const place = scratch.place(broker);
  await server.createTopic(place.address, { ...topicSettings(broker), address: place.address });
  await server.subscribe({ id: place.address, topic: place.address, sink: bench.sinkUrl });
  await server.pause(place.address);
  await raw.call("attach", { ...place, reader: "raw" });
  const run = await bench.expect();
  await raw.call("publish", { ...place, run, events, dataBytes: SINGLE.dataBytes });
  const { rate: rawRate } = await raw.call("consume", { ...place, reader: "raw", events });
  const { result, cpu } = await server.cpuOf(async () => {
    await server.resume(place.address);
    return bench.receive(events);
  });
  requireAll(result, events);
  await server.unsubscribe(place.address);
  await server.deleteTopic(place.address);
  await scratch.remove(place);
  return { rate: rateOf(result), rawRate, cpu };
}
