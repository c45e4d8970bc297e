/** Opens what a subscription delivers to. Throws while a topic that it needs is not there. */
import type { Sink } from "../sink/port.ts";
import { openReplySink } from "../sink/reply.ts";
import { openTopicSink } from "../sink/topic.ts";
import { openTransformSink } from "../sink/transform.ts";
import type { SinkAddress, Subscription } from "../subscription/subscription.ts";
import type { BusContext } from "./context.ts";
import type { Topics } from "./topics.ts";

export class SubscriptionSinks {
  readonly #context: BusContext;
  readonly #topics: Topics;

  constructor(context: BusContext, topics: Topics) {
    this.#context = context;
    this.#topics = topics;
  }

  /** The sink, and the one of its dead letters. */
  async openAll(subscription: Subscription): Promise<{ readonly sink: Sink; readonly forwardSink: Sink | undefined }> {
    const { deadLetterSink } = subscription.policy;
    const sink = await this.open(subscription, subscription.replyTopic);
    try {
      return { sink, forwardSink: deadLetterSink && (await this.#openAddress(subscription, deadLetterSink)) };
    } catch (error) {
      await sink.close();
      throw error;
    }
  }

  /** Where the subscription delivers, with all that stands in front. */
  async open(subscription: Subscription, replyTopic: string | undefined): Promise<Sink> {
    const { sink: address, transform, policy } = subscription;
    const sink =
      replyTopic === undefined
        ? await this.#openAddress(subscription, address)
        : await this.#openReplySink(subscription, replyTopic);
    if (transform === undefined) return sink;
    const { transformer } = this.#context;
    return openTransformSink({ sink, transformer, expression: transform, timeoutMs: policy.timeoutMs });
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
    const source = this.#topics.require(subscription.topic);
    const target = (await this.#topics.open(address.topic)).requireReady();
    return openTopicSink({
      // The one of now: its settings may have changed since.
      publish: (events) => (this.#topics.get(address.topic) ?? target).publish(events),
      sourcePlace: await source.place(),
      targetPlace: await target.place(),
      maxHops: this.#context.plan.limits.maxHops,
      timeoutMs: subscription.policy.timeoutMs,
      clock: this.#context.clock,
    });
  }
}
