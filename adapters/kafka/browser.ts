/** Reads a topic without a group: pages of its records, the search for an event, and what its first record says. */
import { uncounted } from "../../src/event/leniency.ts";
import { type Item, isMalformed, type Start, type TopicPage, TransportError } from "../../src/transport/port.ts";
import { decodeRecord } from "./binding.ts";
import type { KafkaContext } from "./context.ts";
import { toTransportError } from "./errors.ts";
import { larger } from "./larger.ts";
import { LIMITS } from "./limits.ts";
import { formatPosition, formatPositions, positionOf } from "./position.ts";
import { Reader } from "./reader.ts";
import type { PartitionPage, StoredRecord } from "./records.ts";
import { EARLIEST, LATEST, type NativeTopic, type Offsets, type Topology } from "./topology.ts";

export class Browser {
  readonly #context: KafkaContext;
  readonly #topology: Topology;

  constructor(context: KafkaContext, topology: Topology) {
    this.#context = context;
    this.#topology = topology;
  }

  /** One page over all partitions, in the order of time; that of each partition is kept. */
  async read(address: string, from: Start, max: number): Promise<TopicPage> {
    const topic = await this.#topology.topic(address);
    const count = topic.leaders.length;
    const { offsets } = await this.resolve(address, { topicId: topic.topicId, count }, from);
    const ends = await this.#topology.offsets(address, count, LATEST);
    const scan = new Scan(offsets, ends);
    await this.#fetchAll(address, topic, scan, max);
    const records = scan.take(max);
    const next = scan.isAtEnd ? undefined : formatPositions({ topicId: topic.topicId, offsets: scan.next });
    return { items: records.map((record) => this.#itemOf(address, topic.topicId, record)), next };
  }

  async find(address: string, identity: { readonly source: string; readonly id: string }) {
    const topic = await this.#topology.topic(address);
    const count = topic.leaders.length;
    const [begins, ends] = await Promise.all([
      this.#topology.offsets(address, count, EARLIEST),
      this.#topology.offsets(address, count, LATEST),
    ]);
    const most = BigInt(Math.ceil(LIMITS.findRecords / Math.max(1, count)));
    const from = new Map([...ends].map(([n, end]) => [n, larger(begins.get(n) ?? 0n, end - most)]));
    const items: Item[] = [];
    const scan = new Scan(from, ends);
    while (!scan.isAtEnd) {
      await this.#fetchAll(address, topic, scan, 1);
      for (const record of scan.take(Number.POSITIVE_INFINITY)) {
        const item = this.#itemOf(address, topic.topicId, record);
        const { event } = item;
        if (!isMalformed(event) && event.id === identity.id && event.source === identity.source) items.push(item);
      }
    }
    const complete = [...from].every(([n, offset]) => offset === begins.get(n));
    return { items: items.toReversed(), complete };
  }

  /** When the oldest record at or after these offsets was stored; undefined when there is none. */
  async oldestAt(address: string, offsets: Offsets): Promise<number | undefined> {
    const topic = await this.#topology.topic(address);
    const ends = await this.#topology.offsets(address, topic.leaders.length, LATEST);
    let oldest: number | undefined;
    for (const [partition, offset] of offsets) {
      const scan = new Scan(new Map([[partition, offset]]), ends);
      await this.#fetchAll(address, topic, scan, 1);
      const [record] = scan.take(1);
      if (record !== undefined && (oldest === undefined || record.storedAt < oldest)) oldest = record.storedAt;
    }
    return oldest;
  }

  /** The offset in each partition that a start means. Rejects with `invalid` for a position of another topic. */
  async resolve(
    address: string,
    { topicId, count }: { readonly topicId: string; readonly count: number },
    start: Start,
  ): Promise<{ readonly offsets: Offsets }> {
    switch (start.at) {
      case "latest":
        return { offsets: await this.#topology.offsets(address, count, LATEST) };
      case "earliest":
        return { offsets: await this.#topology.offsets(address, count, EARLIEST) };
      case "time":
        return { offsets: await this.#topology.offsets(address, count, BigInt(Math.max(0, start.time.getTime()))) };
      case "position": {
        const { offsets } = positionOf(start.position, topicId);
        const others = offsets.size < count ? await this.#besides(address, count, offsets) : new Map();
        return { offsets: new Map([...others, ...offsets].filter(([partition]) => partition < count)) };
      }
    }
  }

  /** A position in one partition says when; the others begin at that time. */
  async #besides(address: string, count: number, offsets: Offsets): Promise<Offsets> {
    const storedAt = await this.oldestAt(address, offsets);
    return this.#topology.offsets(address, count, storedAt === undefined ? LATEST : BigInt(storedAt));
  }

  /** Fetches until `count` records are at hand, or all that there are. */
  async #fetchAll(address: string, { topicId, leaders }: NativeTopic, scan: Scan, count: number): Promise<void> {
    const { settings, clock } = this.#context;
    const reader = new Reader(address, settings, clock);
    const deadline = clock.now() + LIMITS.requestMs;
    try {
      while (scan.count < count && scan.unfetched.size > 0) {
        if (clock.now() > deadline)
          throw new TransportError("timeout", `The Kafka topic "${address}" can't be read in time`);
        const byNode = Map.groupBy(scan.unfetched, ([partition]) => leaders[partition] ?? -1);
        const fetches = [...byNode].map(([node, offsets]) =>
          reader.fetch({ node, topicId, offsets: new Map(offsets), waitMs: LIMITS.presentWaitMs }),
        );
        for (const page of (await Promise.all(fetches)).flat()) scan.add(page);
      }
    } catch (error) {
      throw toTransportError(error, `The Kafka topic "${address}"`);
    } finally {
      await reader.close();
    }
  }

  #itemOf(address: string, topicId: string, record: StoredRecord): Item {
    const { strict, envelope } = this.#context.topicSettings(address);
    return {
      event: decodeRecord(record, { address, topicId, strict, envelope, leniency: uncounted }),
      position: formatPosition(topicId, record.partition, record.offset),
      redelivered: false,
      deliveries: undefined,
      storedAt: record.storedAt,
      key: record.key?.toString(),
    };
  }
}

/** Several partitions read side by side, each up to where it ended when the scan began. */
class Scan {
  readonly #ends: Offsets;
  readonly #fetchFrom: Map<number, bigint>;
  readonly #records = new Map<number, StoredRecord[]>();

  constructor(from: Offsets, ends: Offsets) {
    this.#ends = ends;
    this.#fetchFrom = new Map(from);
  }

  /** Where partitions go on that have nothing at hand and more in the log. */
  get unfetched(): Offsets {
    const isDry = ([n, offset]: [number, bigint]) =>
      !this.#records.get(n)?.length && offset < (this.#ends.get(n) ?? 0n);
    return new Map([...this.#fetchFrom].filter(isDry));
  }

  get count(): number {
    let count = 0;
    for (const records of this.#records.values()) count += records.length;
    return count;
  }

  /** By partition: the first record that was not taken. */
  get next(): Offsets {
    return new Map([...this.#fetchFrom].map(([n, offset]) => [n, this.#records.get(n)?.[0]?.offset ?? offset]));
  }

  get isAtEnd(): boolean {
    return this.count === 0 && this.unfetched.size === 0;
  }

  /** Throws for a partition that has a fault: its records are not there to be read. */
  add({ partition, records, next, errorCode }: PartitionPage): void {
    if (errorCode !== 0) throw new TransportError("unavailable", `Kafka answered error ${errorCode} for a partition`);
    const end = this.#ends.get(partition) ?? 0n;
    const known = this.#records.get(partition) ?? [];
    this.#records.set(partition, [...known, ...records.filter(({ offset }) => offset < end)]);
    this.#fetchFrom.set(partition, next);
  }

  /** The oldest ones. */
  take(max: number): StoredRecord[] {
    const taken: StoredRecord[] = [];
    while (taken.length < max) {
      let oldest: StoredRecord[] | undefined;
      for (const records of this.#records.values()) {
        const [first] = records;
        if (first !== undefined && (oldest?.[0] === undefined || first.storedAt < oldest[0].storedAt)) oldest = records;
      }
      const record = oldest?.shift();
      if (record === undefined) break;
      taken.push(record);
    }
    return taken;
  }
}
