/**
 * The embedded transport: an append-only log in the database of the data directory. To the core it is a transport like
 * any other. See README.md beside this file for how it is built.
 */
import { BATCH_COUNT_MAX, EVENT_BYTES_MAX, MAILBOX_CHECK_MS, SKIP_FLUSH_MS } from "../../src/limits.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Database } from "../../src/sqlite/database.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import type {
  Capabilities,
  Consumer,
  ConsumerOptions,
  GroupStats,
  Item,
  Position,
  Progress as PositionProgress,
  Publisher,
  Start,
  TopicPage,
  TopicSettings,
  TopicStats,
  Transport,
} from "../../src/transport/port.ts";
import { BufferPool } from "./block.ts";
import { browse, findIdentity, toStartNumber } from "./browser.ts";
import { CommitQueue } from "./commit-queue.ts";
import { EmbeddedConsumer } from "./consumer.ts";
import type { LogContext } from "./context.ts";
import { every } from "./every.ts";
import { closedError, groupNotFound, topicNotFound, toTransportError } from "./faults.ts";
import { Forgetting, type ForgettingBounds } from "./forgetting.ts";
import { Group, type HoldBack } from "./group.ts";
import { numberOf } from "./position.ts";
import { Progress } from "./progress.ts";
import { EmbeddedPublisher } from "./publisher.ts";
import { Retention } from "./retention.ts";
import type { CreateGroup, GroupRow } from "./sql/groups.ts";
import type { Loaded, Provision, TopicRow } from "./sql/topics.ts";
import { Topic } from "./topic.ts";

export interface EmbeddedOptions {
  /** Part of each topic's place: the same for every process that ever opens this log. */
  readonly busId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Those of `src/limits.ts` unless given. */
  readonly dedupeBounds?: ForgettingBounds | undefined;
}

export const CAPABILITIES: Capabilities = {
  durable: true,
  ordering: "topic",
  orderedPublish: true,
  group: "exclusive",
  position: "always",
  starts: ["latest", "earliest", "time", "position"],
  leaseMs: "unbounded",
  replay: "position",
  find: true,
  stats: { backlog: true, oldest: true },
  deliveryCount: false,
  dedupe: true,
  limits: { eventBytes: EVENT_BYTES_MAX, attributeCount: "unbounded", batchCount: BATCH_COUNT_MAX },
};

/**
 * Opens the log of a database whose threads have loaded `operations.ts`. The database stays the caller's: it is closed
 * after the transport. Rejects with `TransportError` when the log can't be read.
 */
export async function openEmbedded(database: Database, options: EmbeddedOptions): Promise<Transport> {
  try {
    return new EmbeddedTransport(database, options, await database.read<Loaded>("embedded.load", undefined));
  } catch (error) {
    throw toTransportError(error);
  }
}

class EmbeddedTransport implements Transport {
  readonly capabilities = CAPABILITIES;
  readonly #busId: string;
  readonly #context: LogContext;
  readonly #retention: Retention;
  readonly #forgetting: Forgetting;
  readonly #closed = new AbortController();
  readonly #stopTimers: readonly (() => void)[];
  #closing: Promise<void> | undefined;

  constructor(database: Database, { busId, clock, logger, dedupeBounds }: EmbeddedOptions, loaded: Loaded) {
    this.#busId = busId;
    this.#context = {
      ...{ database, clock, logger },
      topics: new Map(),
      consumers: new Set(),
      progress: new Progress(database, clock, logger),
      tailBudget: { bytes: 0 },
      commitQueue: new CommitQueue(clock),
      buffers: new BufferPool(),
      closed: this.#closed.signal,
    };
    this.#retention = new Retention(this.#context);
    this.#forgetting = new Forgetting(this.#context, dedupeBounds);
    this.#load(loaded);
    this.#stopTimers = [
      every(clock, SKIP_FLUSH_MS, () => this.#flushSkipping()),
      every(clock, MAILBOX_CHECK_MS, () => this.#restIdleConsumers()),
    ];
  }

  publisher(address: string): Publisher {
    return new EmbeddedPublisher(this.#context, address);
  }

  consumer(address: string, group: string, { matcher }: ConsumerOptions): Consumer {
    return new EmbeddedConsumer(this.#context, { address, group, matcher });
  }

  async provision(address: string, settings: TopicSettings): Promise<void> {
    const payload: Provision = { address, settings };
    const row = await this.#write<TopicRow>("embedded.provision", payload);
    const topic = this.#context.topics.get(address);
    if (topic?.id === row.id) topic.settings = settings;
    else this.#add(row);
  }

  async deprovision(address: string): Promise<void> {
    const id = await this.#write<number | undefined>("embedded.deprovision", address);
    const topic = this.#context.topics.get(address);
    if (id === undefined || topic?.id !== id) return;
    this.#context.topics.delete(address);
    topic.isDeleted = true;
    for (const group of topic.groups.values()) this.#forget(group);
    this.#wakeConsumers();
    this.#retention.purge(id);
  }

  async createGroup(address: string, group: string, start: Start): Promise<void> {
    const topic = this.#topic(address);
    const payload: CreateGroup = { topic: topic.id, name: group, start: toStartNumber(start, topic) };
    const row = await this.#write<GroupRow>("embedded.create-group", payload);
    if (!topic.groups.has(group)) topic.groups.set(group, new Group(row, topic));
  }

  async deleteGroup(address: string, name: string): Promise<void> {
    this.#refuseWhenClosed();
    const topic = this.#context.topics.get(address);
    const group = topic?.groups.get(name);
    if (topic === undefined || group === undefined) return;
    await this.#write("embedded.delete-group", group.id);
    if (topic.groups.get(name) === group) topic.groups.delete(name);
    this.#forget(group);
    this.#wakeConsumers();
  }

  holdBack(address: string, group: string, mode: HoldBack): void {
    const found = this.#context.topics.get(address)?.groups.get(group);
    if (found !== undefined) found.holdBack = mode;
  }

  async place(address: string): Promise<string> {
    this.#refuseWhenClosed();
    return `${this.#busId}/${address}`;
  }

  async stats(address: string, name: string): Promise<GroupStats> {
    const topic = this.#topic(address);
    const { next, skipped } = this.#group(topic, name);
    const backlog = topic.next - next;
    const unread = { topic: topic.id, number: next };
    const oldestAt = backlog > 0 ? await this.#read<number | undefined>("embedded.stored-at", unread) : undefined;
    return { backlog, oldestAt, skipped };
  }

  async topicStats(address: string): Promise<TopicStats> {
    const { first, next, bytes, oldestAt, newestAt } = this.#topic(address);
    return { events: next - first, bytes, oldestAt, newestAt: next > first ? newestAt : undefined };
  }

  async progress(address: string, name: string, position: Position): Promise<PositionProgress> {
    const topic = this.#topic(address);
    const { open, next, began } = this.#group(topic, name);
    const number = numberOf(position, topic.id);
    if (number === undefined || number >= topic.next) return "unknown";
    if (number < began) return "before";
    if (open.has(number)) return "open";
    return number >= next ? "unread" : "settled";
  }

  async read(address: string, from: Start, max: number): Promise<TopicPage> {
    const topic = this.#topic(address);
    return this.#translated(browse(this.#context.database, topic, from, max));
  }

  async find(
    address: string,
    identity: { readonly source: string; readonly id: string },
  ): Promise<{ readonly items: readonly Item[]; readonly complete: boolean }> {
    const topic = this.#topic(address);
    return this.#translated(findIdentity(this.#context.database, topic, identity));
  }

  async check(): Promise<void> {
    this.#refuseWhenClosed();
    await this.#translated(this.#context.database.check());
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    const { consumers, commitQueue, progress, clock } = this.#context;
    this.#closed.abort();
    for (const stop of this.#stopTimers) stop();
    const drained = [...consumers].map((consumer) => consumer.close(deadline));
    await byDeadline(
      Promise.all([
        ...drained,
        commitQueue.drained(),
        progress.drained(),
        this.#retention.close(),
        this.#forgetting.close(),
      ]),
      deadline,
      clock,
    );
    progress.close();
    commitQueue.close();
  }

  #load({ topics, groups, deleted }: Loaded): void {
    const byId = new Map<number, Topic>();
    for (const row of topics) byId.set(row.id, this.#add(row));
    for (const row of groups) {
      const topic = byId.get(row.topic);
      topic?.groups.set(row.name, new Group(row, topic));
    }
    for (const id of deleted) this.#retention.purge(id);
  }

  #add(row: TopicRow): Topic {
    const topic = new Topic(row, { ...this.#context, onTooLarge: (grown) => this.#retention.start(grown) });
    this.#context.topics.set(row.address, topic);
    return topic;
  }

  #topic(address: string): Topic {
    this.#refuseWhenClosed();
    const topic = this.#context.topics.get(address);
    if (topic === undefined) throw topicNotFound(address);
    return topic;
  }

  #group(topic: Topic, name: string): Group {
    const group = topic.groups.get(name);
    if (group === undefined) throw groupNotFound(topic.address, name);
    return group;
  }

  #forget(group: Group): void {
    group.isDeleted = true;
    this.#context.progress.forget(group);
  }

  #wakeConsumers(): void {
    for (const consumer of this.#context.consumers) consumer.wake();
  }

  #restIdleConsumers(): void {
    for (const consumer of this.#context.consumers) consumer.restIfIdle();
  }

  /** Groups that only passed over events that they do not want. */
  #flushSkipping(): void {
    for (const topic of this.#context.topics.values()) {
      for (const group of topic.groups.values()) if (group.hasMoved) this.#context.progress.markPassed(group);
    }
  }

  #refuseWhenClosed(): void {
    if (this.#closed.signal.aborted) throw closedError();
  }

  async #write<Result>(operation: string, payload: unknown): Promise<Result> {
    this.#refuseWhenClosed();
    return this.#translated(this.#context.database.write<Result>(operation, () => ({ payload })));
  }

  #read<Result>(operation: string, payload: unknown): Promise<Result> {
    return this.#translated(this.#context.database.read<Result>(operation, payload));
  }

  async #translated<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw toTransportError(error);
    }
  }
}
