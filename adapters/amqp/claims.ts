/**
 * Who consumes a queue. Several native consumers of one queue would share it, or wait in line without a sign, as ours
 * are declared; the port wants the second one refused. So an owner declares an exclusive queue `<queue>#owner`, which
 * RabbitMQ locks to the connection and deletes with it, and which it keeps while its subscription is paused. Within the
 * process, where the connection is the same, a set does the same.
 *
 * A process that died still owns until the broker has missed its heartbeats: so long a claim waits. A queue that the
 * operator made gets no second one; there the consumers are counted, which a paused owner is not.
 */
import type { ChannelModel } from "amqplib";
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import { closedError, fencedError, replyCodeOf } from "./errors.ts";
import { LIMITS } from "./limits.ts";

const RESOURCE_LOCKED = 405;

export interface Claim {
  readonly queue: string;
  readonly group: string;
  /** Whether queues are made here. */
  readonly provisions: boolean;
  readonly signal: AbortSignal;
}

export class Claims {
  readonly #owned = new Set<string>();
  readonly #ownerMs: number;
  readonly #clock: Clock;

  constructor(ownerMs: number, clock: Clock) {
    this.#ownerMs = ownerMs;
    this.#clock = clock;
  }

  /** Within the process; throws `fenced`. Held until `release`. */
  take({ queue, group }: Claim): void {
    if (this.#owned.has(queue)) throw fencedError(group);
    this.#owned.add(queue);
  }

  /** On the broker, for this connection. Rejects with `fenced` when the owner is alive. */
  async confirm(model: ChannelModel, claim: Claim): Promise<void> {
    const until = this.#clock.monotonic() + this.#ownerMs;
    while (!(await isFree(model, claim))) {
      if (this.#clock.monotonic() >= until) throw fencedError(claim.group);
      await sleep(this.#clock, LIMITS.attachMs, claim.signal);
      if (claim.signal.aborted) throw closedError();
    }
  }

  /** Gives it back, on the connection where it was confirmed, if that is still there. */
  async release({ queue, provisions }: Claim, model: ChannelModel | undefined): Promise<void> {
    if (provisions && model !== undefined) await deleteOwner(model, queue);
    this.#owned.delete(queue);
  }
}

async function isFree(model: ChannelModel, { queue, provisions }: Claim): Promise<boolean> {
  const channel = await model.createChannel();
  channel.on("error", () => undefined); // the call rejects with it
  try {
    if (provisions) await channel.assertQueue(ownerOf(queue), { exclusive: true, durable: false });
    const { consumerCount } = await channel.checkQueue(queue);
    return consumerCount === 0;
  } catch (error) {
    if (error instanceof Error && replyCodeOf(error) === RESOURCE_LOCKED) return false;
    throw error;
  } finally {
    await channel.close().catch(() => undefined); // the broker has closed it when a call failed
  }
}

async function deleteOwner(model: ChannelModel, queue: string): Promise<void> {
  try {
    const channel = await model.createChannel();
    channel.on("error", () => undefined);
    await channel.deleteQueue(ownerOf(queue));
    await channel.close();
  } catch {
    // The connection is gone, and the queue with it.
  }
}

function ownerOf(queue: string): string {
  return `${queue}#owner`;
}
