/**
 * What a consumer holds of its group: messages that the server has delivered and that are not settled. It keeps them
 * leased, sends acks, and knows what to do with a message that comes a second time.
 *
 * held: delivered, settled by nobody; waits in the mailbox or is being worked on. The server is told so in a third of its
 *   ack_wait. When it is delivered again all the same (the connection was cut for longer), only where its acks go changes.
 * acked: remembered for a while, since an ack is not confirmed: when it is delivered again, the ack was lost, and is
 *   sent again.
 *
 * Acks of a time without a connection wait for the next one.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import type { NatsItem } from "./item.ts";
import { LIMITS } from "./limits.ts";

const ACK = Buffer.from("+ACK");
const NAK = Buffer.from("-NAK");
const WORKING = Buffer.from("+WPI");

export class Leases {
  readonly #connected: () => NatsConnection | undefined;
  readonly #held = new Map<number, NatsItem>();
  readonly #acked = new Set<number>();
  #unsent: (readonly [reply: string, word: Buffer])[] = [];
  /** The consumer was created again by us, so that its counts of deliveries say nothing of what was acked before. */
  #isResumed = false;

  constructor(connected: () => NatsConnection | undefined) {
    this.#connected = connected;
  }

  get count(): number {
    return this.#held.size;
  }

  holds(item: NatsItem): boolean {
    return this.#held.get(item.sequence) === item;
  }

  holdsSequence(sequence: number): boolean {
    return this.#held.has(sequence);
  }

  hasAcked(sequence: number): boolean {
    return this.#acked.has(sequence);
  }

  /** Whether this delivery needs nothing more: it is held, or was acked. */
  absorb(sequence: number, isRedelivered: boolean, reply: string): boolean {
    const held = this.#held.get(sequence);
    if (held !== undefined) {
      held.reply = reply;
      return true;
    }
    if (!(isRedelivered || this.#isResumed) || !this.#acked.has(sequence)) return false;
    this.#say(reply, ACK);
    return true;
  }

  hold(item: NatsItem): void {
    this.#held.set(item.sequence, item);
  }

  ack(item: NatsItem): void {
    this.#held.delete(item.sequence);
    this.#remember(item.sequence);
    this.#say(item.reply, ACK);
  }

  release(item: NatsItem): void {
    this.#held.delete(item.sequence);
    this.#say(item.reply, NAK);
  }

  /** In the order of the stream, since the server delivers again in the order in which it is told. */
  releaseAll(items: Iterable<NatsItem> = this.#held.values()): void {
    const ordered = [...items].sort((a, b) => a.sequence - b.sequence);
    for (const item of ordered) if (this.holds(item)) this.release(item);
  }

  /** A delivery that nobody wants. */
  skip(reply: string): void {
    this.#say(reply, ACK);
  }

  renew(): void {
    for (const { reply } of this.#held.values()) this.#send(reply, WORKING);
  }

  /** There is a connection again. */
  flush(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const [reply, word] of unsent) this.#say(reply, word);
    this.renew();
  }

  /** What is held and acked goes on with a consumer that was created again. */
  resume(): void {
    this.#isResumed = true;
    this.#unsent = [];
  }

  /** Nothing of it is ours any more. */
  drop(): void {
    this.#held.clear();
    this.#acked.clear();
    this.#unsent = [];
    this.#isResumed = false;
  }

  #remember(sequence: number): void {
    this.#acked.add(sequence);
    if (this.#acked.size <= LIMITS.ackedKept) return;
    const [oldest] = this.#acked;
    if (oldest !== undefined) this.#acked.delete(oldest);
  }

  #say(reply: string, word: Buffer): void {
    if (this.#send(reply, word)) return;
    // More than this comes again anyway, and is answered then.
    if (this.#unsent.length < LIMITS.ackedKept) this.#unsent.push([reply, word]);
  }

  /** False when there is no connection; the client throws when it has given up and nobody knows yet. */
  #send(reply: string, word: Buffer): boolean {
    const connection = this.#connected();
    if (connection === undefined || connection.isClosed()) return false;
    connection.publish(reply, word);
    return true;
  }
}
