/** The consumer of the port: waits for what its session puts into the mailbox. */
import type { DecodeOptions } from "../../src/event/leniency.ts";
import { Mailbox } from "../../src/transport/mailbox.ts";
import type { Consumer, ConsumerState, Item, Matcher, TransportError } from "../../src/transport/port.ts";
import { nativeGroup } from "./context.ts";
import { closedError, fencedError } from "./errors.ts";
import { type Entry, KafkaItem } from "./item.ts";
import { LIMITS } from "./limits.ts";
import { Session, type SessionOptions } from "./session.ts";

/** Which consumer of this transport owns each group, by its native name. */
export type Owners = Map<string, KafkaConsumer>;

export interface KafkaConsumerOptions extends Pick<SessionOptions, "context" | "topology" | "groups"> {
  readonly address: string;
  readonly group: string;
  readonly matcher: Matcher;
  readonly leniency: DecodeOptions["leniency"];
  readonly owners: Owners;
  readonly onClosed: () => void;
}

export class KafkaConsumer implements Consumer {
  readonly address: string;
  readonly #options: KafkaConsumerOptions;
  readonly #mailbox: Mailbox<Entry>;
  readonly #nativeGroup: string;
  #session: Session | undefined;
  /** Another process took the group. It stays so: taking it back would only take turns. */
  #fenced: TransportError | undefined;
  #takes = 0;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(options: KafkaConsumerOptions) {
    const { context, address, group } = options;
    this.address = address;
    this.#options = options;
    this.#nativeGroup = nativeGroup(context.busId, group);
    this.#mailbox = new Mailbox({
      capacity: LIMITS.mailboxEvents,
      clock: context.clock,
      onFree: () => this.#session?.wake(),
      onIdle: (unread) => this.#session?.takeBack(unread),
    });
  }

  async receive(max: number, signal: AbortSignal): Promise<readonly Item[]> {
    for (;;) {
      this.#openSession();
      const entries = await this.#take(max, signal);
      const items = entries.map((entry) => this.#session?.handOut(entry)).filter((item) => item !== undefined);
      if (items.length > 0 || entries.length === 0) return items;
    }
  }

  async #take(max: number, signal: AbortSignal): Promise<readonly Entry[]> {
    this.#takes += 1;
    try {
      return await this.#mailbox.take(max, signal);
    } finally {
      this.#takes -= 1;
    }
  }

  settle(item: Item, how: "ack" | "release"): boolean {
    const session = this.#session;
    if (!(item instanceof KafkaItem) || session === undefined || !session.owns(item.partition)) return false;
    const entry = item.settle();
    if (entry === undefined) return false;
    if (how === "ack") session.ack(entry);
    else session.release(entry);
    return true;
  }

  get state(): ConsumerState {
    const error = this.#fenced ?? this.#session?.fault;
    const status = this.#isClosed ? "closed" : error === undefined ? "receiving" : "reconnecting";
    return { status, error, skipped: this.#session?.skipped ?? 0 };
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** The topic or the group is deleted: the next receive finds that out. */
  async endSession(deadline: number, error: TransportError): Promise<void> {
    await this.#session?.end(deadline, error);
  }

  close(deadline: number): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    this.#isClosed = true;
    this.#mailbox.close();
    if (this.#session !== undefined) await this.#session.end(deadline);
    this.#letGo();
    this.#options.onClosed();
  }

  /** Throws `closed`, or `fenced` while another consumer has the group. */
  #openSession(): void {
    const { context, owners, group } = this.#options;
    if (this.#isClosed || context.closed.aborted) throw closedError();
    if (this.#fenced !== undefined) throw this.#fenced;
    const owner = owners.get(this.#nativeGroup);
    if (owner !== undefined && owner !== this) throw fencedError(group);
    if (this.#session !== undefined) return;
    owners.set(this.#nativeGroup, this);
    const session = new Session({
      ...this.#options,
      mailbox: this.#mailbox,
      onEnd: (error) => this.#ended(session, error),
    });
    this.#session = session;
  }

  #ended(session: Session, error: TransportError | undefined): void {
    if (this.#session !== session || this.#isClosed) return;
    this.#session = undefined;
    if (error?.code === "fenced") this.#fenced = error;
    this.#letGo();
    if (error !== undefined && this.#takes > 0) this.#mailbox.fail(error); // else the next receive finds out by itself
  }

  #letGo(): void {
    const { owners } = this.#options;
    if (owners.get(this.#nativeGroup) === this) owners.delete(this.#nativeGroup);
  }
}
