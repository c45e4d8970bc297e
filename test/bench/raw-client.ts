/** The ceiling of what goes through brokers: their own clients, in a process of their own. */
import { type BrokerName, brokerAddress } from "../support/brokers.ts";
import { Arrivals, type Arrived } from "./harness/arrivals.ts";
import { CarriedEvents } from "./harness/carried-event.ts";
import { serveCommands } from "./harness/rpc.ts";
import { openAmqp } from "./raw/amqp.ts";
import type { RawClient, Receiver } from "./raw/client.ts";
import { openPubsub } from "./raw/gcp-pubsub.ts";
import { publishBatches } from "./raw/http-batches.ts";
import { openKafka } from "./raw/kafka.ts";
import { openNats } from "./raw/nats.ts";

export interface Place {
  readonly broker: BrokerName;
  readonly address: string;
}

export interface Reading extends Place {
  readonly reader: string;
}

/** Which events: the first `events` of the run. */
export interface Which {
  readonly run: number;
  readonly events: number;
  readonly dataBytes: number;
}

export interface RawRate {
  /** Events a second. */
  readonly rate: number;
  /** Microseconds of CPU of the client for an event. */
  readonly cpuMicros: number;
}

/** When nothing came for so long, nothing will. */
const SILENCE_MS = 20_000;

const OPEN = { nats: openNats, amqp: openAmqp, kafka: openKafka, "gcp-pubsub": openPubsub };
const clients = new Map<BrokerName, Promise<RawClient>>();

function clientOf(broker: BrokerName): Promise<RawClient> {
  const known = clients.get(broker);
  if (known !== undefined) return known;
  const client = OPEN[broker](brokerAddress(broker));
  clients.set(broker, client);
  return client;
}

async function consumeRate(reading: Reading, events: number): Promise<RawRate> {
  let count = 0;
  let finish: (() => RawRate) | undefined;
  await consume(reading, {
    opened() {
      finish = startTiming(events);
    },
    take() {
      count += 1;
      return count < events;
    },
  });
  if (finish === undefined || count < events) {
    throw new Error(`the raw client of ${reading.broker} received ${count} of ${events} events`);
  }
  return finish();
}

async function consume({ broker, address, reader }: Reading, receiver: Receiver): Promise<void> {
  const client = await clientOf(broker);
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const watched: Receiver = {
    opened: () => receiver.opened(),
    take(read) {
      timer.refresh();
      return receiver.take(read);
    },
  };
  await client.consume(address, reader, watched, silence.signal);
  clearTimeout(timer);
}

async function timed(events: number, work: () => Promise<void>): Promise<RawRate> {
  const finish = startTiming(events);
  await work();
  return finish();
}

/** Answers how to end it. */
function startTiming(events: number): () => RawRate {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  return () => {
    const seconds = (performance.now() - startedAt) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    return { rate: events / seconds, cpuMicros: (user + system) / events };
  };
}

const commands = {
  async create({ broker, address }: Place): Promise<void> {
    await (await clientOf(broker)).create(address);
  },
  async attach({ broker, address, reader }: Reading): Promise<void> {
    await (await clientOf(broker)).attach(address, reader);
  },
  async publish({ broker, address, run, events, dataBytes }: Place & Which): Promise<RawRate> {
    const client = await clientOf(broker);
    return timed(events, () => client.publish(address, new CarriedEvents(run, dataBytes), events));
  },
  publishOverHttp: ({ url, run, events, dataBytes }: { readonly url: string } & Which): Promise<RawRate> =>
    timed(events, () => publishBatches(url, new CarriedEvents(run, dataBytes), events)),
  consume: ({ events, ...reading }: Reading & { readonly events: number }): Promise<RawRate> =>
    consumeRate(reading, events),
  /** Reads until all have arrived, or nothing more comes. */
  async verify({ run, events, dataBytes, ...reading }: Reading & Which): Promise<Arrived> {
    const arrivals = new Arrivals(new CarriedEvents(run, dataBytes), events);
    await consume(reading, {
      opened() {},
      take(read) {
        arrivals.take(read());
        return !arrivals.isComplete;
      },
    });
    return arrivals.result();
  },
  async remove({ broker, address }: Place): Promise<void> {
    await (await clientOf(broker)).remove(address);
  },
};
export type RawCommands = typeof commands;

serveCommands(commands);
