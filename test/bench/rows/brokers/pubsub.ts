/** Pub/Sub, with few events: the rates are those of the test server, which passes some hundred a second. */
import type { BrokerName } from "../../../support/brokers.ts";
import type { Bench } from "../../harness/bench.ts";
import type { Measurement, Skipped } from "../../harness/measurement.ts";
import { SINGLE } from "../../harness/message.ts";
import { refuseRefusals } from "../publish.ts";
import { startBus, TITLES, topicSettings, unlessMissing } from "./buses.ts";
import { deliverBacklog } from "./consume.ts";
import { Scratch } from "./scratch.ts";

const BROKER: BrokerName = "gcp-pubsub";
const EVENTS = 300;
const CONNECTIONS = 16;

export async function pubsub(bench: Bench): Promise<readonly (Measurement | Skipped)[]> {
  const name = `${TITLES[BROKER]} (the test server)`;
  return unlessMissing({ row: "pubsub", name, brokers: [BROKER] }, () => measure(bench));
}

async function measure(bench: Bench): Promise<readonly Measurement[]> {
  await using scratch = new Scratch();
  await using server = await startBus([BROKER]);
  const { address } = await scratch.made(BROKER);
  const topic = scratch.place(BROKER);
  await server.createTopic("orders", { ...topicSettings(BROKER), address: topic.address });
  const which = { run: bench.newRun(), events: EVENTS, dataBytes: SINGLE.dataBytes };
  const raw = await scratch.raw.call("publish", { broker: BROKER, address, ...which });
  const load = { target: server.target("orders"), connections: CONNECTIONS };
  const real = await bench.run(load, bench.newRun(), { events: EVENTS });
  refuseRefusals(real.refused);
  const consumed = await deliverBacklog(bench, { scratch, server, broker: BROKER, events: EVENTS });
  const lineOf = (name: string, value: number, rawRate: number): Measurement => {
    const ceiling = { name: "raw client, the test server's ceiling", value: rawRate };
    return { row: "pubsub", name, value, unit: "/s", ceiling };
  };
  return [
    lineOf(`publish ${EVENTS} onto Pub/Sub, ${CONNECTIONS} connections`, real.events / real.seconds, raw.rate),
    lineOf(`Pub/Sub → webhook, ${EVENTS} events`, consumed.rate, consumed.rawRate),
  ];
}
