/** Opens what a subscription delivers to. Throws while a topic that it needs is not there. */
import { PulsebusError } from "../errors.ts";
import type { Sink } from "../sink/port.ts";
import { PullSink } from "../sink/pull.ts";
import { openReplySink } from "../sink/reply.ts";
import { type ArchiveSinkOptions, openArchiveSink, openTopicSink } from "../sink/topic.ts";
import { openTransformSink } from "../sink/transform.ts";
import { isArchive } from "../subscription/names.ts";
import type { SinkAddress, Subscription } from "../subscription/subscription.ts";
import type { BusContext } from "./context.ts";
import type { Topics } from "./topics.ts";

export interface OpenSinks {
  readonly sink: Sink;
  /** The same sink, before any transformation, when it is one that is asked. */
  readonly pull: PullSink | undefined;
  /** The one of its dead letters. */
  readonly forwardSink: Sink | undefined;
}

export class SubscriptionSinks {
  readonly #context: BusContext;
  readonly #topics: Topics;

  constructor(context: BusContext, topics: Topics) {
    this.#context = context;
    this.#topics = topics;
  }

  /** The sink, and the one of its dead letters. */
  async openAll(subscription: Subscription): Promise<OpenSinks> {
    const { sink: address, policy, replyTopic } = subscription;
    const { deadLetterSink, timeoutMs } = policy;
    const pull = address.kind === "pull" ? new PullSink(timeoutMs, this.#context.clock) : undefined;
    const sink = this.#transforming(subscription, pull ?? (await this.#openSink(subscription, replyTopic)));
    try {
      return { sink, pull, forwardSink: deadLetterSink && (await this.#openAddress(subscription, deadLetterSink)) };
    } catch (error) {
      await sink.close();
      throw error;
    }
  }

  /** Where the subscription delivers, with all that stands in front, but without asking for replies. */
  async openForTest(subscription: Subscription): Promise<Sink> {
    return this.#transforming(subscription, await this.#openSink(subscription, undefined));
  }

  #transforming(subscription: Subscription, sink: Sink): Sink {
    const { transform, policy } = subscription;
    if (transform === undefined) return sink;
    const { transformer } = this.#context;
    return openTransformSink({ sink, transformer, expression: transform, timeoutMs: policy.timeoutMs });
  }

  #openSink(subscription: Subscription, replyTopic: string | undefined): Promise<Sink> {
    if (replyTopic !== undefined) return this.#openReplySink(subscription, replyTopic);
    return this.#openAddress(subscription, subscription.sink);
  }

  async #openReplySink(subscription: Subscription, replyTopic: string): Promise<Sink> {
    const topic = await this.#topics.open(replyTopic);
    const replies = await this.#openAddress(subscription, { kind: "topic", topic: replyTopic });
    return openReplySink({
      sink: await this.#openAddress(subscription, subscription.sink, true),
      replies,
      decoding: { strict: topic.strict, leniency: (name) => topic.tolerated(name) },
    });
  }

  async #openAddress(subscription: Subscription, address: SinkAddress, wantsReply = false): Promise<Sink> {
    if (address.kind === "webhook") return this.#context.openWebhook(subscription, address, wantsReply);
    if (address.kind === "pull") throw nothingToCall(subscription);
    const source = this.#topics.require(subscription.topic);
    const target = (await this.#topics.open(address.topic)).requireReady();
    const options: ArchiveSinkOptions = {
      // The one of now: its settings may have changed since.
      publish: (events) => (this.#topics.get(address.topic) ?? target).publish(events),
      timeoutMs: subscription.policy.timeoutMs,
      clock: this.#context.clock,
    };
    if (isArchive(address.topic)) return openArchiveSink(options);
    const [sourcePlace, targetPlace] = [await source.place(), await target.place()];
    return openTopicSink({ ...options, sourcePlace, targetPlace, maxHops: this.#context.plan.limits.maxHops });
  }
}

function nothingToCall({ id }: Subscription): PulsebusError {
  const message = `subscription "${id}" is pulled from: POST /subscriptions/${id}/receive shows that it works`;
  return new PulsebusError("conflict", message);
}
