/**
 * Fetches from the brokers that lead the partitions of a topic: one request at a time to each, none while the partitions
 * that it leads have records waiting to be decoded, or nobody has room for more. A reader that does not answer is replaced.
 */
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import { TransportError } from "../../src/transport/port.ts";
import { nativeCode } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { Partition } from "./partition.ts";
import { type Layout, Reader } from "./reader.ts";
import type { PartitionPage } from "./records.ts";
import type { KafkaSettings } from "./settings.ts";

export interface FetchLoopOptions {
  readonly settings: KafkaSettings;
  readonly clock: Clock;
  readonly address: string;
  readonly hasRoom: () => boolean;
  readonly partitions: () => readonly Partition[];
  /** Throws when the topic is another one. */
  readonly onLayout: (layout: Layout) => void;
  readonly onPage: (partition: Partition, page: PartitionPage) => void;
  /** A partition has a fault, by the protocol's code. Rejects with what ends the loop. */
  readonly onFault: (partition: Partition, errorCode: number) => Promise<void>;
  /** The brokers can't be reached; it goes on. */
  readonly onOutage: (error: unknown) => void;
}

export class FetchLoop {
  readonly #options: FetchLoopOptions;
  readonly #busy = new Set<number>();
  #reader: Reader;
  #failure: { readonly error: unknown } | undefined;
  /** Ends the wait; undefined when nobody waits. */
  #wake: (() => void) | undefined;
  #isWoken = false;
  readonly #closed = new AbortController();

  constructor(options: FetchLoopOptions) {
    this.#options = options;
    this.#reader = this.#openReader();
  }

  /** Until `goesOn` says no; rejects when the topic is gone, or with what `onFault` and `onLayout` throw. */
  async run(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      const pauseMs = await this.#step();
      if (!goesOn()) return;
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure !== undefined) await this.#outlast(failure.error);
      else await this.#woken(pauseMs);
    }
  }

  /** Something changed: a look at once, or after what is under way. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#reader.close();
  }

  /** Starts what can be started; answers after which time to look again when nothing happens. */
  async #step(): Promise<number | undefined> {
    if (!this.#options.hasRoom()) return undefined;
    try {
      const layout = await this.#reader.layout();
      this.#options.onLayout(layout);
      const byNode = Map.groupBy(this.#options.partitions(), ({ number }) => layout.leaders[number] ?? -1);
      for (const [node, partitions] of byNode) {
        if (node >= 0 && !this.#busy.has(node)) void this.#fetch(node, layout.topicId, partitions);
      }
      return byNode.has(-1) ? LIMITS.retryMs : undefined; // a partition without a leader gets one
    } catch (error) {
      this.#failure = { error };
      return undefined;
    }
  }

  /** Never rejects. */
  async #fetch(node: number, topicId: string, partitions: readonly Partition[]): Promise<void> {
    if (partitions.some(({ hasFetched }) => hasFetched)) return;
    this.#busy.add(node);
    const offsets = new Map(partitions.map(({ number, fetchFrom }) => [number, fetchFrom]));
    try {
      const pages = await this.#reader.fetch({ node, topicId, offsets, waitMs: LIMITS.fetchWaitMs });
      for (const page of pages) {
        const partition = partitions.find(({ number }) => number === page.partition);
        if (partition === undefined || partition.isLost || partition.fetchFrom !== offsets.get(page.partition))
          continue;
        if (page.errorCode === 0) this.#options.onPage(partition, page);
        else await this.#options.onFault(partition, page.errorCode);
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#busy.delete(node);
      this.wake();
    }
  }

  /** Rejects for what an outage does not explain. */
  async #outlast(error: unknown): Promise<void> {
    const isAnswer = error instanceof TransportError && !error.retryable;
    if (isAnswer || nativeCode(error) === "UNKNOWN_TOPIC_OR_PARTITION") throw error;
    this.#options.onOutage(error);
    if (error instanceof TransportError && error.code === "timeout") {
      void this.#reader.close();
      this.#reader = this.#openReader();
    } else this.#reader.forgetLayout();
    await sleep(this.#options.clock, LIMITS.retryMs, this.#closed.signal);
  }

  async #woken(maxMs: number | undefined): Promise<void> {
    if (!this.#isWoken) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const cancel = maxMs === undefined ? () => {} : this.#options.clock.timer(maxMs, resolve);
      await promise;
      cancel();
      this.#wake = undefined;
    }
    this.#isWoken = false;
  }

  #openReader(): Reader {
    const { address, settings, clock } = this.#options;
    return new Reader(address, settings, clock);
  }
}
