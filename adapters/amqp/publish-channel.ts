/**
 * The confirm channel of one exchange, shared by all publishers of its address, so that an exchange that is missing
 * takes no other one's messages along: the broker answers it by closing the channel.
 *
 *   closed ── first event ──▶ opening ── exchange is there ──▶ open ── channel or connection lost ──▶ closed
 *
 * While it opens, events wait. When it is lost, everything under way fails with `stored: "unknown"`; nothing is sent
 * twice. The exchange is looked up before the first message, which proves `not_found` before anything was sent.
 */
import type { ConfirmChannel, Message } from "amqplib";
import { COMMIT_QUEUE_BYTES_MAX } from "../../src/limits.ts";
import type { PublishResult, TransportErrorCode } from "../../src/transport/port.ts";
import { toNative } from "./binding.ts";
import { closedError, failure, refusals, toTransportError } from "./errors.ts";
import { KeyLanes } from "./key-lanes.ts";
import type { Link } from "./link.ts";
import type { Outgoing } from "./publish-call.ts";

type Failure = Extract<PublishResult, { ok: false }>;

/** With these the broker closes the channel instead of taking a message. */
const REFUSALS: ReadonlySet<TransportErrorCode> = new Set(["not_found", "permission_denied", "too_large"]);

export class PublishChannel {
  readonly #link: Link;
  readonly #exchange: string;
  readonly #maxBytes: number;
  readonly #lanes = new KeyLanes<Outgoing>();
  /** Sent and not confirmed, by position. */
  readonly #sent = new Map<string, Outgoing>();
  /** Waiting for the channel. */
  #waiting: Outgoing[] = [];
  #bytes = 0;
  #channel: ConfirmChannel | undefined;
  #isOpening = false;
  #wasUsed = true;
  mandatory = true;

  constructor(link: Link, exchange: string, maxBytes: number) {
    this.#link = link;
    this.#exchange = exchange;
    this.#maxBytes = maxBytes;
  }

  submit(outgoing: Outgoing): void {
    this.#wasUsed = true;
    if (this.#bytes > COMMIT_QUEUE_BYTES_MAX) {
      outgoing.call.settle(outgoing.index, outgoing.key, refusals.queueFull());
      return;
    }
    this.#bytes += bytesOf(outgoing);
    if (outgoing.key === undefined || this.#lanes.enter(outgoing.key, outgoing)) this.#start(outgoing);
  }

  /** Closes the channel if nothing has used it since the last time. */
  closeIfIdle(): void {
    if (!this.#wasUsed && this.#sent.size === 0 && this.#waiting.length === 0) this.reset();
    this.#wasUsed = false;
  }

  /** The next event looks up the exchange again. */
  reset(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    channel?.close().catch(() => undefined); // it is gone already
  }

  #start(outgoing: Outgoing): void {
    const { call, index, key } = outgoing;
    if (call.isAnswered(index))
      this.#end(outgoing, undefined); // late
    else if (key !== undefined && call.hasFailedBefore(index, key)) this.#end(outgoing, refusals.aborted(key));
    else if (this.#channel !== undefined) this.#send(this.#channel, outgoing);
    else {
      this.#waiting.push(outgoing);
      if (!this.#isOpening) void this.#open();
    }
  }

  #send(channel: ConfirmChannel, outgoing: Outgoing): void {
    const { event, mode, position, routingKey } = outgoing;
    const { content, contentType, headers, bytes } = toNative(event, mode, this.#link.frameBytes);
    if (bytes > this.#maxBytes) {
      this.#end(outgoing, refusals.tooLarge(bytes, this.#maxBytes));
      return;
    }
    const options = { mandatory: this.mandatory, persistent: true, messageId: position, headers };
    this.#sent.set(position, outgoing);
    outgoing.isSent = true;
    try {
      channel.publish(
        this.#exchange,
        routingKey,
        content,
        contentType === undefined ? options : { ...options, contentType },
        (error: unknown) => this.#confirmed(outgoing, error),
      );
    } catch (error) {
      // The client refused it before a byte was written: the channel is closed, or a value has no encoding.
      this.#sent.delete(position);
      this.#end(outgoing, failure(toTransportError(error), "no"));
    }
  }

  /** The broker's ack or nack. At the end of the channel the client calls back too, just before `#lost` knows why. */
  #confirmed(outgoing: Outgoing, error: unknown): void {
    if (error instanceof Error && error.message === "channel closed") return;
    if (!this.#sent.delete(outgoing.position)) return;
    if (outgoing.isReturned) this.#end(outgoing, refusals.unroutable(this.#exchange));
    else if (error === null || error === undefined) this.#end(outgoing, { ok: true, position: outgoing.position });
    else this.#end(outgoing, failure(toTransportError(error), "unknown"));
  }

  /** Gives the result, and goes on with the next event of its key. */
  #end(outgoing: Outgoing, result: PublishResult | undefined): void {
    const { call, index, key } = outgoing;
    this.#bytes -= bytesOf(outgoing);
    if (result !== undefined) call.settle(index, key, result);
    const next = key === undefined ? undefined : this.#lanes.leave(key);
    if (next !== undefined) queueMicrotask(() => this.#start(next));
  }

  async #open(): Promise<void> {
    this.#isOpening = true;
    try {
      const channel = await this.#openChannel();
      this.#channel = channel;
      this.#isOpening = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const outgoing of waiting) this.#start(outgoing);
    } catch (error) {
      this.#isOpening = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const outgoing of waiting) this.#end(outgoing, failure(toTransportError(error), "no"));
    }
  }

  async #openChannel(): Promise<ConfirmChannel> {
    const model = await this.#link.connectionBy(this.#link.blipEndsAt);
    const channel = await model.createConfirmChannel();
    let reason: Error | undefined;
    channel.on("error", (error) => {
      reason = error;
    });
    channel.on("return", ({ properties }: Message) => {
      const outgoing = this.#sent.get(properties.messageId);
      if (outgoing !== undefined) outgoing.isReturned = true;
    });
    channel.on("close", () => this.#lost(channel, reason));
    await channel.checkExchange(this.#exchange);
    return channel;
  }

  #lost(channel: ConfirmChannel, reason: Error | undefined): void {
    if (this.#channel !== channel) return;
    this.#channel = undefined;
    const lost = [...this.#sent.values()];
    this.#sent.clear();
    for (const outgoing of lost) this.#end(outgoing, lossOf(outgoing, lost.length === 1, reason));
  }

  /** Answers what is under way when the transport closes. */
  abandon(): void {
    const open = [...this.#waiting, ...this.#sent.values()];
    this.#waiting = [];
    this.#sent.clear();
    for (const outgoing of open) this.#end(outgoing, failure(closedError(), outgoing.isSent ? "unknown" : "no"));
  }
}

/** What is held in memory of an event that is under way; attributes are small beside it. */
function bytesOf({ event }: Outgoing): number {
  return event.structured?.length ?? event.data?.bytes.length ?? 0;
}

/**
 * What the end of a channel means for one message on it. The broker names no culprit, so only one that was alone is
 * proven not stored, and only by a refusal of the message itself: a broker that stops or fails may have stored it. Of
 * several only what the reply text gives away is told apart, and a missing exchange or right, which is all of theirs.
 */
function lossOf(outgoing: Outgoing, isAlone: boolean, reason: Error | undefined): Failure {
  const lost = toTransportError(reason ?? new Error("the channel was lost before the broker confirmed"));
  if (REFUSALS.has(lost.code) && isAlone) return failure(lost, "no");
  if (lost.code === "too_large") {
    const maxBytes = Number(/max size (\d+)/.exec(lost.message)?.[1]);
    if (bytesOf(outgoing) > maxBytes) return failure(lost, "no");
    return failure(toTransportError(new Error("another message of the channel was refused")), "unknown");
  }
  return failure(lost, "unknown");
}
