/** One bridge: a backlog on the one side, carried to the other, and compared there with what was published. */
import { setTimeout as sleep } from "node:timers/promises";
import { MAILBOX_IDLE_MS } from "../../../../src/limits.ts";
import type { BrokerName } from "../../../support/brokers.ts";
import { type Bench, DELIVERY_TIMEOUT_MS } from "../../harness/bench.ts";
import type { Server } from "../../harness/server.ts";
import type { Place, Which } from "../../raw-client.ts";
import { IN_FLIGHT, type Round, type TransportName, topicSettings, unique } from "./buses.ts";
import type { Scratch } from "./scratch.ts";

const POLL_MS = 10;
/** After that a paused subscription reads nothing ahead any more: what it had read would come again, and not in order. */
const RESTED_MS = MAILBOX_IDLE_MS + 1_000;
/** The reader of the raw client at both ends. */
const READER = "raw";

export interface Pair {
  readonly from: TransportName;
  readonly to: BrokerName;
}

/** Topics, a bridge that waits, and readers of the raw client at both ends. `remove` takes all of it away. */
export class Bridge {
  readonly id: string;
  readonly #scratch: Scratch;
  readonly #server: Server;
  readonly #source: Place | undefined;
  readonly #sourceTopic: string;
  readonly #target: Place;

  static async open(scratch: Scratch, server: Server, { from, to }: Pair): Promise<Bridge> {
    const source = from === "embedded" ? undefined : scratch.place(from);
    const bridge = new Bridge(scratch, server, source, scratch.place(to));
    await bridge.#create(from, to);
    return bridge;
  }

  private constructor(scratch: Scratch, server: Server, source: Place | undefined, target: Place) {
    this.#scratch = scratch;
    this.#server = server;
    this.#source = source;
    this.#sourceTopic = source?.address ?? unique("bench");
    this.#target = target;
    this.id = `bridge-${this.#sourceTopic}`;
  }

  async #create(from: TransportName, to: TransportName): Promise<void> {
    const server = this.#server;
    const topics = [
      [this.#sourceTopic, from],
      [this.#target.address, to],
    ] as const;
    for (const [name, transport] of topics) {
      const address = transport === "embedded" ? {} : { address: name };
      await server.createTopic(name, { ...topicSettings(transport), ...address });
    }
    const delivery = { maxInFlight: IN_FLIGHT };
    await server.subscribe({ id: this.id, topic: this.#sourceTopic, sink: `topic:${this.#target.address}`, delivery });
    await server.pause(this.id);
    if (from === "amqp") await sleep(RESTED_MS);
    for (const end of [this.#source, this.#target]) {
      if (end !== undefined) await this.#scratch.raw.call("attach", { ...end, reader: READER });
    }
  }

  /** Publishes at the source, for the bridge and for the raw client. */
  async fill(which: Which): Promise<void> {
    const { raw } = this.#scratch;
    if (this.#source !== undefined) await raw.call("publish", { ...this.#source, ...which });
    else {
      const { port, path } = this.#server.target(this.#sourceTopic);
      await raw.call("publishOverHttp", { url: `http://127.0.0.1:${port}${path}`, ...which });
    }
  }

  /** What is published from now on waits. */
  async pause(): Promise<void> {
    await this.#server.pause(this.id);
  }

  /** What the raw client reads at the source; undefined where there is no such client. */
  async consumeRaw(events: number): Promise<number | undefined> {
    if (this.#source === undefined) return undefined;
    const reading = { ...this.#source, reader: READER, events };
    return (await this.#scratch.raw.call("consume", reading)).rate;
  }

  /** Lets the bridge go until all is carried. The rate is taken from the first events that the target has stored. */
  async carry(events: number): Promise<Round> {
    const { delivered: before } = await this.#server.status(this.id);
    const { result: rate, cpu } = await this.#server.cpuOf(async () => {
      await this.#server.resume(this.id);
      const [first, firstAt] = await this.#delivered(before + 1);
      const [last, lastAt] = await this.#delivered(before + events);
      return (last - first) / ((lastAt - firstAt) / 1_000);
    });
    return { rate, cpu };
  }

  async #delivered(count: number): Promise<readonly [delivered: number, at: number]> {
    const until = performance.now() + DELIVERY_TIMEOUT_MS;
    while (performance.now() < until) {
      const { delivered } = await this.#server.status(this.id);
      if (delivered >= count) return [delivered, performance.now()];
      await sleep(POLL_MS);
    }
    throw new Error(`not carried in time: ${JSON.stringify(await this.#server.status(this.id))}`);
  }

  /** Throws unless all events are at the target as they were published, those of a key in their order. */
  async verify(which: Which): Promise<void> {
    const arrived = await this.#scratch.raw.call("verify", { ...this.#target, reader: READER, ...which });
    const { distinct, duplicates, changed, outOfOrder } = arrived;
    if (distinct === which.events && duplicates + changed + outOfOrder === 0) return;
    const status = await this.#server.status(this.id);
    throw new Error(`of ${which.events} events arrived ${JSON.stringify(arrived)}; ${JSON.stringify(status)}`);
  }

  async remove(): Promise<void> {
    await this.#server.unsubscribe(this.id);
    for (const topic of [this.#sourceTopic, this.#target.address]) await this.#server.deleteTopic(topic);
    for (const end of [this.#source, this.#target]) if (end !== undefined) await this.#scratch.remove(end);
  }
}

export function which(bench: Bench, events: number, dataBytes: number): Which {
  return { run: bench.newRun(), events, dataBytes };
}
