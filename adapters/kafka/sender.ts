/**
 * The way of all publishes of one topic to the broker. One produce request is under way at a time, and what is published
 * meanwhile goes with the next: that keeps the order, and batches by itself when there is much to do.
 *
 * Nothing is sent twice, with one exception: when the broker refused a batch as too large, so that none of it is
 * stored, its records go one by one to find the one that is.
 */
import type { Producer } from "@platformatic/kafka";
import { attributeOf, type Event } from "../../src/event/event.ts";
import { type PublishResult, TransportError } from "../../src/transport/port.ts";
import { encodeRecord, type RecordToSend } from "./binding.ts";
import { PublishCall } from "./call.ts";
import type { KafkaContext } from "./context.ts";
import { closedError, failure, nativeCode, storedAfter, topicNotFound, toTransportError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { partitionOf } from "./partitioner.ts";
import { formatPosition } from "./position.ts";
import { outcomesOf } from "./produce-outcome.ts";
import { within } from "./within.ts";

/** The attribute by which order is kept within a call where the topic maps none to the record's key. */
const ORDER_ATTRIBUTE = "partitionkey";

interface Entry {
  readonly call: PublishCall;
  readonly index: number;
  readonly orderKey: string | undefined;
  readonly record: RecordToSend;
}

export class Sender {
  readonly #context: KafkaContext;
  readonly #address: string;
  #queue: Entry[] = [];
  #queuedBytes = 0;
  #isRunning = false;
  /** Events without a key stay together for a request and take turns over the partitions. */
  #turn = 0;
  #idle: Promise<void> = Promise.resolve();

  constructor(context: KafkaContext, address: string) {
    this.#context = context;
    this.#address = address;
  }

  publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    const { clock } = this.#context;
    const call = new PublishCall(events, deadline, clock);
    const isLate = deadline <= clock.now();
    if (!isLate) for (const [index, event] of events.entries()) this.#enqueue(call, index, event);
    if (this.#queue.length > 0 && !this.#isRunning) {
      this.#isRunning = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idle = promise;
      clock.soon(() => void this.#run().finally(resolve));
    }
    return call.results;
  }

  /** Resolves when nothing is under way. */
  drained(): Promise<void> {
    return this.#idle;
  }

  #enqueue(call: PublishCall, index: number, event: Event): void {
    const settings = this.#context.topicSettings(this.#address);
    const orderKey = attributeOf(event, settings.key ?? ORDER_ATTRIBUTE);
    try {
      if (this.#queuedBytes > LIMITS.queueBytes) throw queueFull();
      const record = encodeRecord(event, settings);
      const { eventBytes } = this.#context.settings;
      if (record.bytes > eventBytes) throw tooLarge(record.bytes, eventBytes);
      this.#queue.push({ call, index, orderKey, record });
      this.#queuedBytes += record.bytes;
    } catch (error) {
      call.answer(index, orderKey, failure(toTransportError(error, "The publish")));
    }
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#nextBatch();
      if (batch.length > 0) await this.#send(batch);
    }
    this.#isRunning = false;
  }

  /** As many as one request takes. What was answered meanwhile, or follows a failed event of its key, is left out. */
  #nextBatch(): Entry[] {
    const batch: Entry[] = [];
    let bytes = 0;
    let count = 0;
    for (const entry of this.#queue) {
      bytes += entry.record.bytes;
      if (bytes > this.#context.settings.eventBytes && count > 0) break;
      count += 1;
      this.#queuedBytes -= entry.record.bytes;
      const { call, index, orderKey } = entry;
      if (call.isAborted(index, orderKey)) call.answer(index, orderKey, failure(aborted()));
      else if (!call.isAnswered(index)) batch.push(entry);
    }
    this.#queue = count === this.#queue.length ? [] : this.#queue.slice(count);
    return batch;
  }

  async #send(batch: readonly Entry[]): Promise<void> {
    const { producer: client, clock } = this.#context;
    let producer: Producer | undefined;
    try {
      producer = client.get();
      const asking = producer.metadata({ topics: [this.#address] });
      const { topics } = await within(clock, LIMITS.stallMs, asking, "The publish");
      const topic = topics.get(this.#address);
      if (topic === undefined) throw topicNotFound(this.#address);
      const leaders = topic.partitions.map(({ leader }) => leader);
      await this.#produce(batch, producer, topic.id, leaders);
    } catch (error) {
      if (error instanceof TransportError && error.code === "timeout" && producer !== undefined)
        client.replace(producer);
      fail(batch, error, "no");
    }
  }

  /** Never rejects. */
  async #produce(
    batch: readonly Entry[],
    producer: Producer,
    topicId: string,
    leaders: readonly number[],
  ): Promise<void> {
    this.#turn += 1;
    const byPartition = new Map<number, Entry[]>();
    for (const entry of batch) {
      const partition = partitionOf(entry.record.key, leaders, this.#turn);
      const entries = byPartition.get(partition);
      if (entries === undefined) byPartition.set(partition, [entry]);
      else entries.push(entry);
      entry.call.markSent(entry.index);
    }
    const messages = [...byPartition].flatMap(([partition, entries]) =>
      entries.map(({ record: { key, value, headers } }) => ({
        topic: this.#address,
        partition,
        value,
        headers,
        ...(key && { key }),
      })),
    );
    const outcomes = await this.#outcomes(producer, messages);
    for (const [partition, entries] of byPartition) {
      const outcome = outcomes(partition);
      if (outcome.ok) answerStored(entries, topicId, partition, outcome.offset);
      else if (isTooLarge(outcome.error) && entries.length > 1)
        await this.#oneByOne(entries, producer, topicId, leaders);
      else fail(entries, outcome.error, storedAfter(outcome.error));
    }
  }

  async #oneByOne(
    entries: readonly Entry[],
    producer: Producer,
    topicId: string,
    leaders: readonly number[],
  ): Promise<void> {
    for (const entry of entries) {
      const { call, index, orderKey } = entry;
      if (call.isAborted(index, orderKey)) call.answer(index, orderKey, failure(aborted()));
      else await this.#produce([entry], producer, topicId, leaders);
    }
  }

  /** What became of each partition's part of the request. */
  async #outcomes(producer: Producer, messages: unknown[]) {
    const { producer: client, clock } = this.#context;
    try {
      const sending = producer.send({ messages, acks: -1 } as Parameters<Producer["send"]>[0]);
      return outcomesOf(await within(clock, LIMITS.stallMs, sending, "The publish"));
    } catch (error) {
      if (error instanceof TransportError) client.replace(producer);
      else client.forgetMetadata();
      return outcomesOf(undefined, error);
    }
  }
}

function answerStored(entries: readonly Entry[], topicId: string, partition: number, base: bigint): void {
  for (const [nth, { call, index, orderKey }] of entries.entries()) {
    call.answer(index, orderKey, { ok: true, position: formatPosition(topicId, partition, base + BigInt(nth)) });
  }
}

function fail(entries: readonly Entry[], error: unknown, stored: "no" | "unknown"): void {
  const fault = toTransportError(error, "The publish");
  for (const { call, index, orderKey } of entries) call.answer(index, orderKey, failure(fault, stored));
}

function isTooLarge(error: unknown): boolean {
  return ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"].includes(nativeCode(error) ?? "");
}

function tooLarge(bytes: number, most: number): TransportError {
  return new TransportError("too_large", `The event has ${bytes} bytes, attributes included; at most ${most} fit`);
}

function queueFull(): TransportError {
  return new TransportError("throttled", "Too much waits to be sent", { retryAfterSeconds: 1 });
}

function aborted(): TransportError {
  return new TransportError("aborted", "An earlier event of the same key in the same call failed");
}

/** For a publisher that is closed. */
export function refuseAll(events: readonly Event[]): readonly PublishResult[] {
  return events.map(() => failure(closedError()));
}
