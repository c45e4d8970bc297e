/**
 * What a consumer knows of the native side of its group, and what it makes of a change since it looked last:
 * - the same durable consumer: nothing has happened;
 * - none, in a stream that is the same: it was deleted under us. It is created again from the first event that may be
 *   unsettled (`onResume`);
 * - another stream, or another consumer of that name: what was received before belongs to the past (`onOther`).
 */
import type { ConsumerInfo, StreamInfo } from "@nats-io/jetstream";
import { ignoreNotFound } from "./errors.ts";
import { generationOf } from "./position.ts";
import type { Topology } from "./topology.ts";

export interface Seen {
  readonly consumer: ConsumerInfo;
  /** Of the stream. */
  readonly generation: string;
}

interface GroupName {
  readonly address: string;
  readonly group: string;
}

interface Changes {
  readonly onResume: () => void;
  readonly onOther: () => void;
}

export class GroupView {
  readonly #topology: Topology;
  readonly #name: GroupName;
  readonly #changes: Changes;
  #seen: Seen | undefined;
  /** Up to it everything is settled. */
  #floor = 0;
  #skipped = 0;
  #skippedTo = 0;

  constructor(topology: Topology, name: GroupName, changes: Changes) {
    this.#topology = topology;
    this.#name = name;
    this.#changes = changes;
  }

  get seen(): Seen | undefined {
    return this.#seen;
  }

  /** Events that were removed before the server delivered them to the group. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Rejects with `not_found` for a stream that is missing, or a group that is and was not seen before. */
  async look(): Promise<Seen> {
    const before = this.#seen;
    const stream = await this.#topology.stream(this.#name.address);
    const generation = generationOf(stream.created);
    const isOtherStream = before !== undefined && before.generation !== generation;
    if (isOtherStream) {
      this.#floor = 0;
      this.#changes.onOther();
    }
    const found = await this.#consumer().catch(ignoreNotFound);
    const consumer = found ?? (await this.#recreated(before));
    const isOther = before !== undefined && before.consumer.created !== consumer.created;
    if (found === undefined && !isOtherStream) this.#changes.onResume();
    else if (isOther && !isOtherStream) this.#changes.onOther();
    this.#note(stream, consumer);
    this.#seen = { consumer, generation };
    return this.#seen;
  }

  /** Looks how far the group is: the nearer that is known, the less comes again if the consumer is deleted. */
  async follow(): Promise<void> {
    const seen = this.#seen;
    try {
      const [stream, consumer] = await Promise.all([this.#topology.stream(this.#name.address), this.#consumer()]);
      if (seen === this.#seen && consumer.created === seen?.consumer.created) this.#note(stream, consumer);
    } catch {
      // Whoever pulls meets the same fault and deals with it.
    }
  }

  /** The group was deleted on purpose. */
  forget(): void {
    this.#seen = undefined;
    this.#floor = 0;
  }

  #consumer(): Promise<ConsumerInfo> {
    return this.#topology.consumer(this.#name.address, this.#name.group);
  }

  async #recreated(before: Seen | undefined): Promise<ConsumerInfo> {
    const { address, group } = this.#name;
    if (before !== undefined && this.#topology.mayRecreate(address, group)) {
      await this.#topology.recreateGroup(address, group, this.#floor + 1);
    }
    return this.#consumer();
  }

  #note(stream: StreamInfo, consumer: ConsumerInfo): void {
    this.#floor = consumer.ack_floor.stream_seq;
    this.#countSkipped(stream, consumer);
  }

  /** Only where the whole stream is the topic: else numbers are missing that belong to other subjects. */
  #countSkipped({ config, state }: StreamInfo, { delivered }: ConsumerInfo): void {
    const isWhole = config.subjects.length === 1 && config.subjects[0] === this.#name.address;
    const from = Math.max(delivered.stream_seq, this.#skippedTo);
    if (!isWhole || state.first_seq - 1 <= from) return;
    this.#skipped += state.first_seq - 1 - from;
    this.#skippedTo = state.first_seq - 1;
  }
}
