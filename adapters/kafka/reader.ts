/** Fetches records of one topic, without a group. It has connections of its own, since a fetch holds them up. */
import { Consumer } from "@platformatic/kafka";
import type { Clock } from "../../src/runtime/clock.ts";
import { LIMITS } from "./limits.ts";
import { type FetchResponse, type PartitionPage, pageOf } from "./records.ts";
import { clientOptions, type KafkaSettings } from "./settings.ts";
import { within } from "./within.ts";

export interface Layout {
  readonly topicId: string;
  /** By partition: the broker that leads it; -1 when there is none now. */
  readonly leaders: readonly number[];
}

export interface FetchRequest {
  readonly node: number;
  readonly topicId: string;
  readonly offsets: ReadonlyMap<number, bigint>;
  readonly waitMs: number;
}

export class Reader {
  readonly #address: string;
  readonly #clock: Clock;
  readonly #consumer: Consumer;

  constructor(address: string, settings: KafkaSettings, clock: Clock) {
    this.#address = address;
    this.#clock = clock;
    this.#consumer = new Consumer({ ...clientOptions(settings), groupId: "pulsebus-reader", autocommit: false });
    this.#consumer.on("error", () => {}); // each request tells its own
    this.#consumer.topics.trackAll(address);
  }

  /** Rejects with the client's errors, and with `timeout`. */
  async layout(): Promise<Layout> {
    const asking = this.#consumer.metadata({ topics: [this.#address] });
    const { topics } = await within(this.#clock, LIMITS.stallMs, asking, "The topic's metadata");
    const topic = topics.get(this.#address);
    return { topicId: topic?.id ?? "", leaders: topic?.partitions.map(({ leader }) => leader) ?? [] };
  }

  /** The same. Partitions with a fault have a code; the others of the same answer are good. */
  async fetch({ node, topicId, offsets, waitMs }: FetchRequest): Promise<readonly PartitionPage[]> {
    const partitions = [...offsets].map(([partition, fetchOffset]) => ({
      ...{ partition, fetchOffset, partitionMaxBytes: LIMITS.fetchBytes },
      ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
    }));
    const fetching = this.#consumer
      .fetch({ node, topics: [{ topicId, partitions }], minBytes: 1, maxBytes: LIMITS.fetchBytes, maxWaitTime: waitMs })
      .catch(partialAnswer);
    const { responses } = await within(this.#clock, waitMs + LIMITS.stallMs, fetching, "The fetch");
    return responses
      .filter((response) => response.topicId === topicId)
      .flatMap((response) => response.partitions)
      .map((partition) => pageOf(partition, offsets.get(partition.partitionIndex) ?? 0n));
  }

  /** What was learned of the topic and its leaders may be out of date. */
  forgetLayout(): void {
    this.#consumer.clearMetadata();
  }

  async close(): Promise<void> {
    await this.#consumer.close(true).catch(() => {});
  }
}

/** An answer in which some partitions have a fault comes as an error, the whole of it attached. */
function partialAnswer(error: unknown): FetchResponse {
  const { response } = error as { readonly response?: FetchResponse };
  if (response === undefined || response.errorCode !== 0 || response.responses.length === 0) throw error;
  return response;
}
