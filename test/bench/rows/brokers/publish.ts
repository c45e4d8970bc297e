/** Publishing over HTTP onto a broker: each 202 means that the broker has confirmed the event. */
import type { BrokerName } from "../../../support/brokers.ts";
import type { Bench } from "../../harness/bench.ts";
import { SAME_ATTRIBUTES } from "../../harness/carried-event.ts";
import { atLeast, type Measurement, median, type Skipped } from "../../harness/measurement.ts";
import { type MessageShape, SINGLE } from "../../harness/message.ts";
import type { CpuUsage } from "../../harness/process-usage.ts";
import { refuseRefusals } from "../publish.ts";
import { type BrokerRow, cpuDetails, startBus, TITLES, topicSettings, unlessMissing } from "./buses.ts";
import { Scratch } from "./scratch.ts";

const CONNECTIONS = 64;
const { datacontenttype: _, specversion: __, ...ATTRIBUTES } = SAME_ATTRIBUTES;
/** As the raw clients publish them, but without a key: it would be the same one for all. */
const EVENT: MessageShape = { ...SINGLE, attributes: { ...ATTRIBUTES, subject: encodeURI(ATTRIBUTES.subject) } };

export async function brokerPublish(bench: Bench, broker: BrokerName): Promise<readonly (Measurement | Skipped)[]> {
  const name = `publish onto ${TITLES[broker]}, ${CONNECTIONS} connections`;
  const row: BrokerRow = { row: `publish-${broker}`, name, brokers: [broker] };
  return unlessMissing(row, () => measure(bench, broker, row));
}

async function measure(bench: Bench, broker: BrokerName, { row, name }: BrokerRow): Promise<readonly Measurement[]> {
  const { rounds, brokerEvents: events } = bench.sizes;
  await using scratch = new Scratch();
  await using server = await startBus([broker]);
  const { address } = await scratch.made(broker);
  const topic = scratch.place(broker);
  await server.createTopic("orders", { ...topicSettings(broker), address: topic.address });
  await scratch.raw.call("attach", { ...topic, reader: "nobody" });
  const rates: number[] = [];
  const bareRates: number[] = [];
  const rawRates: number[] = [];
  let cpu: { readonly usage: CpuUsage | undefined; readonly events: number } = { usage: undefined, events: 1 };
  const publishRaw = () =>
    scratch.raw.call("publish", { broker, address, run: bench.newRun(), events, dataBytes: SINGLE.dataBytes });
  await publishRaw(); // warm-up
  for (let round = 0; round < rounds; round += 1) {
    const load = { shape: EVENT, connections: CONNECTIONS };
    const bare = await bench.publish({ ...load, target: bench.bareTarget });
    bareRates.push(bare.load.events / bare.load.seconds);
    rawRates.push((await publishRaw()).rate);
    const real = await bench.publish({ ...load, target: server.target("orders") }, server);
    refuseRefusals(real.load.refused);
    rates.push(real.load.events / real.load.seconds);
    cpu = { usage: real.cpu, events: real.load.events };
  }
  const [rate, bare, raw] = [median(rates), median(bareRates), median(rawRates)];
  const ceiling = raw < bare ? { name: "raw client", value: raw } : { name: "bare node:http", value: bare };
  return [
    {
      ...{ row, name, value: rate, unit: "/s", ceiling },
      target: atLeast(rate / ceiling.value, 0.5, "0.5 of the lower ceiling"),
      details: { "raw client": raw, "bare node:http": bare, ...cpuDetails(cpu.usage, cpu.events) },
    },
  ];
}
