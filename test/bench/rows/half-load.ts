/** A stream of events from publish to webhook at half the rate that saturates it, whose latency others may disturb. */
import type { Bench, EndToEnd, Load } from "../harness/bench.ts";
import type { Server } from "../harness/server.ts";
import { requireAll } from "./delivery.ts";
import { refuseRefusals } from "./publish.ts";

const TOPIC = "healthy";
const CONNECTIONS = 64;

export class HalfLoad {
  readonly rate: number;
  readonly #bench: Bench;
  readonly #server: Server;

  /** Finds the rate. */
  static async on(bench: Bench, server: Server): Promise<HalfLoad> {
    await server.createTopic(TOPIC);
    await server.subscribe({ id: TOPIC, topic: TOPIC, sink: bench.sinkUrl });
    const load = { target: server.target(TOPIC), connections: CONNECTIONS };
    const { rate } = checked(await bench.publishAndReceive(load, server));
    return new HalfLoad(bench, server, rate / 2);
  }

  private constructor(bench: Bench, server: Server, rate: number) {
    this.#bench = bench;
    this.#server = server;
    this.rate = rate;
  }

  /** The p99 from publish to webhook within so many milliseconds, in milliseconds. */
  async p99(measureMs: number): Promise<number> {
    const { received } = checked(await this.#bench.publishAndReceive(this.load, this.#server, measureMs));
    return received.latency.p99 / 1_000;
  }

  get load(): Load {
    return { target: this.#server.target(TOPIC), connections: 2 * CONNECTIONS, rate: this.rate };
  }
}

function checked(result: EndToEnd): EndToEnd {
  refuseRefusals(result.published.refused);
  requireAll(result.received, result.published.events);
  return result;
}
