/** The sides that bridges are tested between: the embedded log and the four brokers, as a configuration has them. */
import type { TopicInput, TransportInput } from "../../src/config/input.ts";
import { type BrokerName, brokerAddress } from "../support/brokers.ts";

export type Side = "embedded" | BrokerName;

export const BROKERS: readonly BrokerName[] = ["nats", "amqp", "kafka", "gcp-pubsub"];
export const SIDES: readonly Side[] = ["embedded", ...BROKERS];

/** Transports that are named after their adapters. */
export function transportsOf(sides: readonly Side[]): Readonly<Record<string, TransportInput>> {
  return Object.fromEntries(sides.filter((side) => side !== "embedded").map((side) => [side, transportOf(side)]));
}

/** One partition on Kafka, so that each topic costs little. */
export function topicOn(side: Side, more: TopicInput = {}): TopicInput {
  return { transport: side, ...(side === "kafka" ? { options: { partitions: 1 } } : {}), ...more };
}

function transportOf(broker: BrokerName): TransportInput {
  const address = brokerAddress(broker);
  const server =
    broker === "gcp-pubsub" ? { projectId: "pulsebus-test", emulator: address } : { servers: address.split(",") };
  return { adapter: broker, ...server };
}
