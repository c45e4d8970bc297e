/** What the rows with brokers share: a bus that has them as transports, and what is said where one is missing. */
import { randomUUID } from "node:crypto";
import { type BrokerName, brokerAddress, isReachable } from "../../../support/brokers.ts";
import { cpuPerEvent } from "../../harness/bench.ts";
import type { Measurement, Skipped } from "../../harness/measurement.ts";
import type { CpuUsage } from "../../harness/process-usage.ts";
import { Server } from "../../harness/server.ts";
import { PROJECT } from "../../raw/gcp-pubsub.ts";
import { PARTITIONS } from "../../raw/kafka.ts";

export type TransportName = BrokerName | "embedded";

export const TITLES: Readonly<Record<TransportName, string>> = {
  nats: "JetStream",
  amqp: "RabbitMQ",
  kafka: "Kafka",
  "gcp-pubsub": "Pub/Sub",
  embedded: "embedded",
};

/** Attempts at once of subscriptions: as many events as the raw clients have under way. */
export { PIPELINE_EVENTS as IN_FLIGHT } from "../../raw/client.ts";

export function startBus(brokers: readonly BrokerName[]): Promise<Server> {
  const transports = Object.fromEntries(brokers.map((name) => [name, settingsOf(name)]));
  return Server.start({ bus: { id: unique("bench") }, transports });
}

function settingsOf(name: BrokerName): object {
  const address = brokerAddress(name);
  if (name === "gcp-pubsub") return { adapter: name, projectId: PROJECT, emulator: address };
  return { adapter: name, servers: address.split(",") };
}

/** Of a topic: binary mode whatever it was published in, and a record key where there is such a thing. */
export function topicSettings(transport: TransportName): object {
  if (transport === "embedded") return { transport };
  const kafka = { key: "partitionkey", options: { partitions: PARTITIONS } };
  return { transport, mode: "binary", ...(transport === "kafka" && kafka) };
}

/** A name that no other run uses. */
export function unique(word: string): string {
  return `${word}-${randomUUID().slice(0, 8)}`;
}

export interface BrokerRow {
  /** As `--rows` names it. */
  readonly row: string;
  /** As the table does. */
  readonly name: string;
  readonly brokers: readonly BrokerName[];
}

/** The lines of `measure`, or one that says which broker is missing. */
export async function unlessMissing(
  { row, name, brokers }: BrokerRow,
  measure: () => Promise<readonly Measurement[]>,
): Promise<readonly (Measurement | Skipped)[]> {
  for (const broker of brokers) {
    if (!(await isReachable(brokerAddress(broker)))) {
      return [{ row, name, skipped: `${TITLES[broker]} does not answer: npm run brokers:start -- ${broker}` }];
    }
  }
  return measure();
}

export interface Round {
  readonly rate: number;
  readonly cpu: CpuUsage;
}

/** Microseconds of CPU by thread that an event took of the bus. */
export function cpuDetails(cpu: CpuUsage | undefined, events: number): Record<string, number> {
  if (cpu === undefined) return {};
  const { total, details } = cpuPerEvent(cpu, events);
  return { "CPU µs/event": total, ...details };
}
