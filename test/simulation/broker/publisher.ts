/** The publishing side of the simulated transport. */
import { attributeOf, type Event } from "../../../src/event/event.ts";
import { recordBytes } from "../../../src/event/record.ts";
import { type Publisher, type PublishResult, TransportError } from "../../../src/transport/port.ts";
import type { Circumstances } from "../circumstances.ts";
import type { Way } from "../store/memory-store.ts";
import type { Broker, Topic } from "./broker.ts";

export class SimulatedPublisher implements Publisher {
  readonly #broker: Broker;
  readonly #circumstances: Circumstances;
  readonly #way: Way;
  readonly #address: string;
  readonly #eventBytesMax: number;
  isClosed = false;

  constructor(
    broker: Broker,
    circumstances: Circumstances,
    way: Way,
    target: { readonly address: string; readonly eventBytesMax: number },
  ) {
    this.#broker = broker;
    this.#circumstances = circumstances;
    this.#way = way;
    this.#address = target.address;
    this.#eventBytesMax = target.eventBytesMax;
  }

  async publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    if (this.isClosed) return events.map(() => refused("closed"));
    if (deadline < this.#circumstances.now()) return events.map(() => refused("timeout"));
    if (events.length === 0) return [];
    const ids = events.map(({ id }) => id);
    try {
      return await this.#way("publish", [this.#address, ...ids], () => this.#store(events));
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      return events.map(() => ({ ok: false, error, stored: "no" }));
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  #store(events: readonly Event[]): PublishResult[] {
    const topic = this.#broker.topics.get(this.#address);
    if (topic === undefined) return events.map(() => refused("not_found"));
    const failedKeys = new Set<string>();
    return events.map((event) => {
      const key = attributeOf(event, "partitionkey");
      const result = key !== undefined && failedKeys.has(key) ? refused("aborted") : this.#storeOne(topic, event);
      if (!result.ok && key !== undefined) failedKeys.add(key);
      return result;
    });
  }

  #storeOne(topic: Topic, event: Event): PublishResult {
    if (!event.attributes.every(({ value }) => value.isWellFormed())) return refused("invalid");
    if (recordBytes(event) > this.#eventBytesMax) return refused("too_large");
    if (this.#circumstances.strikes("event of a batch refused")) return refused("throttled");
    if (this.#circumstances.strikes("publish without answer")) {
      if (this.#circumstances.random() < 0.5) this.#broker.store(topic, event, this.#circumstances.now());
      return { ok: false, error: new TransportError("timeout", "No answer"), stored: "unknown" };
    }
    const { position } = this.#broker.store(topic, event, this.#circumstances.now());
    return { ok: true, position };
  }
}

function refused(code: TransportError["code"]): PublishResult {
  return { ok: false, error: new TransportError(code, `Refused: ${code}`), stored: "no" };
}
