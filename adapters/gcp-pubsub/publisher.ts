/** The publisher of the port: encodes, refuses what can't be sent, hands the rest to the topic's sender. */
import type { Event } from "../../src/event/event.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import { type Publisher, type PublishResult, TransportError } from "../../src/transport/port.ts";
import { encode, orderingKeyOf } from "./binding.ts";
import { Call } from "./call.ts";
import { type PubsubContext, positionOf } from "./context.ts";
import { closedError, failure } from "./errors.ts";
import { topicName } from "./names.ts";
import { abortedBehind, type Send, Sender } from "./sender.ts";

export class PubsubPublisher implements Publisher {
  readonly #context: PubsubContext;
  readonly #address: string;
  readonly #sender: Sender;
  readonly #running = new Set<Promise<unknown>>();
  readonly #onClose: () => void;
  #isClosed = false;

  constructor(context: PubsubContext, address: string, onClose: (publisher: PubsubPublisher) => void) {
    this.#context = context;
    this.#address = address;
    this.#sender = new Sender(context.clock, this.#send);
    this.#onClose = () => onClose(this);
  }

  async publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]> {
    if (events.length === 0) return [];
    if (this.#isClosed) return events.map(() => failure(closedError()));
    const call = new Call(events.length, deadline, this.#context.clock);
    for (const [index, event] of events.entries()) this.#add(call, index, event);
    this.#running.add(call.answered);
    const results = await call.answered;
    this.#running.delete(call.answered);
    return results;
  }

  async close(deadline: number): Promise<void> {
    this.#isClosed = true;
    await byDeadline(Promise.all(this.#running), deadline, this.#context.clock);
    this.#onClose();
  }

  #add(call: Call, index: number, event: Event): void {
    const settings = this.#context.settingsOf(this.#address);
    const key = orderingKeyOf(event, settings.key);
    if (call.hasFailedBefore(index, key)) {
      call.answer(index, key, abortedBehind(key));
      return;
    }
    try {
      const { bytes, ...message } = encode(event, settings);
      this.#sender.add({ call, index, message, bytes });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      call.answer(index, key, failure(error));
    }
  }

  readonly #send: Send = async (messages, timeoutMs) => {
    const { projectId, channels } = this.#context;
    const topic = topicName(projectId, this.#address);
    const request = { topic, messages: [...messages] };
    const what = `Publishing to the topic "${this.#address}"`;
    const { messageIds } = await channels.publisher.call(what, (client, options) => client.publish(request, options), {
      timeoutMs,
    });
    return messages.map((_, index) => resultOf(topic, messageIds?.[index], what));
  };
}

function resultOf(topic: string, messageId: string | undefined, what: string): PublishResult {
  if (messageId !== undefined) return { ok: true, position: positionOf(topic, messageId) };
  return failure(new TransportError("unknown", `${what}: the service answered without an id for the event`), "unknown");
}
