/**
 * Streams and durable consumers: which stream stores an address, and making sure that it is there.
 *
 * What Pulsebus created carries `MANAGED` as its description; only that is changed or deleted later. A stream that
 * somebody else created is used as it is.
 */
import {
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { Logger } from "../../src/runtime/logger.ts";
import { type Start, TransportError } from "../../src/transport/port.ts";
import type { Connection } from "./connection.ts";
import { apiCodeOf, groupNotFound, ignoreNotFound, streamNotFound } from "./errors.ts";
import { covers, escapeName, subjectFault } from "./names.ts";
import {
  consumerConfig,
  consumerFault,
  MANAGED,
  type StreamInput,
  startOf,
  streamConfig,
  windowFault,
} from "./native-config.ts";
import { generationOf } from "./position.ts";
import { type Topic, UNPROVISIONED } from "./settings.ts";

const OVERLAPS = 10_065;
/** Somebody else has created the same at the same time, a little differently. */
const STREAM_EXISTS = 10_058;
const CONSUMER_EXISTS = new Set([10_013, 10_148]);

export class Topology {
  readonly #connection: Connection;
  readonly #logger: Logger;
  readonly #topics = new Map<string, Topic>();
  /** The streams that were found for addresses that name none. */
  readonly #found = new Map<string, string>();
  readonly #generations = new Map<string, string>();
  /** Groups that were deleted through here; nobody brings them back but `createGroup`. */
  readonly #deleted = new Set<string>();

  constructor(connection: Connection, logger: Logger) {
    this.#connection = connection;
    this.#logger = logger;
  }

  topic(address: string): Topic {
    return this.#topics.get(address) ?? UNPROVISIONED;
  }

  /** The name of the stream that stores the address; whether it exists is another question. */
  async streamName(address: string): Promise<string> {
    const { options, provision } = this.topic(address);
    if (options.stream !== undefined) return options.stream;
    if (provision) return escapeName(address);
    const known = this.#found.get(address);
    if (known !== undefined) return known;
    const found = await this.#find(address);
    if (found === undefined) throw streamNotFound(address, undefined);
    this.#found.set(address, found);
    return found;
  }

  /** Rejects with `not_found`. */
  async stream(address: string): Promise<StreamInfo> {
    const name = await this.streamName(address);
    const info = await this.#streamOrNone(name);
    if (info === undefined || !storesAll(info, address)) {
      this.forget(address, name);
      throw streamNotFound(address, name);
    }
    this.#generations.set(name, generationOf(info.created));
    return info;
  }

  /** The generation of a stream as it was last seen. */
  knownGeneration(stream: string): string | undefined {
    return this.#generations.get(stream);
  }

  /** Forgets what was known of an address, since the server does not agree with it. */
  forget(address: string, stream: string): void {
    this.#found.delete(address);
    this.#generations.delete(stream);
  }

  async provision(address: string, topic: Topic): Promise<void> {
    const fault = subjectFault(address);
    if (fault !== undefined) {
      throw new TransportError("invalid", `The address "${address}" is no subject for a stream: ${fault}`);
    }
    const { dedupe, options } = topic;
    if (dedupe !== undefined && options.maxAgeSeconds > 0 && dedupe.windowMs > options.maxAgeSeconds * 1_000) {
      throw new TransportError(
        "invalid",
        "JetStream needs events to live as long as dedupe.window: raise maxAgeSeconds",
      );
    }
    this.#topics.set(address, topic);
    this.#found.delete(address);
    if (!topic.provision) return requireWindow((await this.stream(address)).config, topic);
    const name = await this.streamName(address);
    const config = streamConfig(name, address, topic);
    const existing = (await this.#streamOrNone(name)) ?? (await this.#addStream(address, config));
    if (existing !== undefined) await this.#adjustStream(address, existing, config);
  }

  /** Deletes the stream, or takes the address out of a stream of several. Leaves what somebody else created. */
  async deprovision(address: string): Promise<void> {
    const name = await this.streamName(address).catch(ignoreNotFound);
    const info = name === undefined ? undefined : await this.#streamOrNone(name);
    this.#topics.delete(address);
    if (name !== undefined) this.forget(address, name);
    if (name === undefined || info === undefined) return;
    if (info.config.description !== MANAGED) {
      this.#logger.info({ stream: name }, "the stream is not managed by Pulsebus and stays as it is");
      return;
    }
    const others = info.config.subjects.filter((subject) => subject !== address);
    await this.#connection
      .request(async ({ jsm }) => {
        if (others.length === 0) return void (await jsm.streams.delete(name));
        await jsm.streams.purge(name, { filter: address });
        await jsm.streams.update(name, { subjects: others });
      })
      .catch(ignoreNotFound);
  }

  /** The group's durable consumer. Rejects with `not_found` for the stream or the consumer. */
  async consumer(address: string, group: string): Promise<ConsumerInfo> {
    const [stream, durable] = [await this.streamName(address), escapeName(group)];
    const info = await this.#consumerOrNone(stream, durable);
    if (info !== undefined) return info;
    await this.stream(address);
    throw groupNotFound(address, durable);
  }

  async createGroup(address: string, group: string, start: Start): Promise<void> {
    const stream = await this.stream(address);
    const topic = this.topic(address);
    const durable = escapeName(group);
    this.#deleted.delete(deletedKey(address, group));
    const { name } = stream.config;
    const existing = await this.#consumerOrNone(name, durable);
    if (existing !== undefined) return this.#adjustConsumer(address, existing);
    if (!topic.provision) throw groupNotFound(address, durable);
    await this.#addConsumer(name, { ...consumerConfig(durable, address, topic), ...startOf(start, stream) });
  }

  /** Whether a durable consumer that is missing was taken by somebody else, and may be created again. */
  mayRecreate(address: string, group: string): boolean {
    return this.topic(address).provision && !this.#deleted.has(deletedKey(address, group));
  }

  /** A consumer that was deleted under us, again, from the first event that may not be settled. */
  async recreateGroup(address: string, group: string, fromSequence: number): Promise<void> {
    const topic = this.topic(address);
    const stream = await this.streamName(address);
    const start = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: fromSequence };
    await this.#addConsumer(stream, { ...consumerConfig(escapeName(group), address, topic), ...start });
  }

  async deleteGroup(address: string, group: string): Promise<void> {
    const stream = await this.streamName(address).catch(ignoreNotFound);
    if (stream === undefined) return;
    this.#deleted.add(deletedKey(address, group));
    await this.#connection.request(({ jsm }) => jsm.consumers.delete(stream, escapeName(group))).catch(ignoreNotFound);
  }

  #streamOrNone(name: string): Promise<StreamInfo | undefined> {
    return this.#connection.request(({ jsm }) => jsm.streams.info(name)).catch(ignoreNotFound);
  }

  #consumerOrNone(stream: string, durable: string): Promise<ConsumerInfo | undefined> {
    return this.#connection.request(({ jsm }) => jsm.consumers.info(stream, durable)).catch(ignoreNotFound);
  }

  #find(address: string): Promise<string | undefined> {
    return this.#connection.request(({ jsm }) => jsm.streams.find(address)).catch(ignoreNotFound);
  }

  /** Answers the stream that somebody else has created meanwhile, or undefined when it is ours. */
  async #addStream(address: string, config: StreamInput): Promise<StreamInfo | undefined> {
    try {
      const { created } = await this.#connection.request(({ jsm }) => jsm.streams.add(config));
      this.#generations.set(config.name, generationOf(created));
      return undefined;
    } catch (error) {
      if (apiCodeOf(error) === STREAM_EXISTS) return this.#streamOrNone(config.name);
      if (apiCodeOf(error) !== OVERLAPS) throw error;
      const other = await this.#find(address);
      const remedy = other === undefined ? "" : `; set options.stream to "${other}" to use that one`;
      throw new TransportError("invalid", `The subject "${address}" is stored by another stream${remedy}`, {
        cause: error,
      });
    }
  }

  async #adjustStream(address: string, info: StreamInfo, config: StreamInput): Promise<void> {
    const { config: current } = info;
    if (current.description !== MANAGED) {
      if (storesAll(info, address)) return requireWindow(current, this.topic(address));
      const text = `The stream "${current.name}" was not created by Pulsebus and does not store "${address}"`;
      throw new TransportError("invalid", `${text}; add the subject to it, or name another stream in options.stream`);
    }
    const subjects = storesAll(info, address) ? current.subjects : [...current.subjects, address];
    // Several topics in one stream: the longest of their windows.
    const windows = subjects.length === 1 ? [] : [current.duplicate_window];
    const wanted = { ...config, subjects, duplicate_window: Math.max(config.duplicate_window, ...windows) };
    const differs = (Object.keys(wanted) as (keyof StreamInput)[]).some(
      (key) => JSON.stringify(wanted[key]) !== JSON.stringify(current[key]),
    );
    if (differs) await this.#connection.request(({ jsm }) => jsm.streams.update(current.name, wanted));
  }

  /** Takes over a consumer that exists, with its position. */
  async #adjustConsumer(address: string, { config, stream_name }: ConsumerInfo): Promise<void> {
    const durable = config.durable_name ?? config.name ?? "";
    const fault = consumerFault(config, address);
    if (fault !== undefined) {
      throw new TransportError("invalid", `The consumer "${durable}" of the stream "${stream_name}" ${fault}`);
    }
    const { options, provision } = this.topic(address);
    const wanted = { ack_wait: nanos(options.ackWaitSeconds * 1_000), max_deliver: -1 };
    const differs = config.max_deliver !== -1 || config.ack_wait !== wanted.ack_wait;
    if (!differs) return;
    if (provision) await this.#connection.request(({ jsm }) => jsm.consumers.update(stream_name, durable, wanted));
    else if (config.max_deliver !== -1) {
      const text = `The consumer "${durable}" gives up after max_deliver ${config.max_deliver} and loses events`;
      throw new TransportError("invalid", `${text}; set it to -1`);
    }
  }

  async #addConsumer(stream: string, config: Partial<ConsumerConfig>): Promise<void> {
    try {
      await this.#connection.request(({ jsm }) => jsm.consumers.add(stream, config));
    } catch (error) {
      if (!CONSUMER_EXISTS.has(apiCodeOf(error) ?? 0)) throw error;
    }
  }
}

function requireWindow(config: StreamConfig, topic: Topic): void {
  const fault = windowFault(config, topic);
  if (fault !== undefined) throw new TransportError("invalid", fault);
}

function deletedKey(address: string, group: string): string {
  return `${address} ${group}`; // an address holds no space
}

/** Whether a stream stores all messages of the address. A mirror or a stream of sources has no subjects. */
function storesAll({ config }: StreamInfo, address: string): boolean {
  const { subjects = [] } = config;
  return subjects.length === 0 || subjects.some((subject) => covers(subject, address));
}
