/**
 * One consumer's hold on one group, from its first `receive` to its end.
 *
 * beginning: the group is looked up, joined, and marked as in use, so that after a crash everything that may have been
 *   handed out is known. Repeated until it succeeds, or shows that there is nothing to hold: `not_found`,
 *   `permission_denied`, `fenced`.
 * reading: records are fetched while the mailbox has room, decoded, matched, and put there. Nothing is leased: a group
 *   that is not read stays a member by its heartbeats, which do not depend on what is read.
 * lost: the membership ended. The session begins anew; a partition that stands where this session left it goes on as
 *   if nothing had happened, with its open events; another one is lost, and its items can't be settled any more.
 * ended: for good.
 */
import { ProtocolError } from "@platformatic/kafka";
import type { DecodeOptions } from "../../src/event/leniency.ts";
import { sleep } from "../../src/runtime/clock.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import type { Mailbox } from "../../src/transport/mailbox.ts";
import { isMalformed, type Matcher, type TransportError } from "../../src/transport/port.ts";
import { decodeRecord } from "./binding.ts";
import { CommitSchedule } from "./commit-schedule.ts";
import { type KafkaContext, nativeGroup, nativeInstance } from "./context.ts";
import { topicNotFound, toTransportError } from "./errors.ts";
import { FetchLoop } from "./fetch-loop.ts";
import type { GroupState, Groups } from "./groups.ts";
import { type Entry, KafkaItem } from "./item.ts";
import { LIMITS } from "./limits.ts";
import { Member } from "./member.ts";
import { Partition } from "./partition.ts";
import type { StoredRecord } from "./records.ts";
import { EARLIEST, LATEST, type Topology } from "./topology.ts";

export interface SessionOptions {
  readonly context: KafkaContext;
  readonly topology: Topology;
  readonly groups: Groups;
  readonly address: string;
  readonly group: string;
  readonly matcher: Matcher;
  readonly leniency: DecodeOptions["leniency"];
  readonly mailbox: Mailbox<Entry>;
  /** Called once, at the end; with what a receive fails with, unless the consumer ended it. */
  readonly onEnd: (error: TransportError | undefined) => void;
}

/** What no waiting will change. */
const FINAL = new Set(["not_found", "permission_denied", "fenced", "closed"]);

export class Session {
  readonly #options: SessionOptions;
  readonly #partitions = new Map<number, Partition>();
  readonly #commits: CommitSchedule;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  #again: Entry[] = [];
  #topicId = "";
  #member: Member | undefined;
  #isMember = false;
  #loop: FetchLoop | undefined;
  #fault: TransportError | undefined;
  #skipped = 0;
  /** Of what is in the mailbox. */
  #waitingBytes = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#commits = new CommitSchedule({
      clock: options.context.clock,
      partitions: this.#partitions,
      member: () => (this.#isMember ? this.#member : undefined),
    });
    this.#running = this.#run();
  }

  get fault(): TransportError | undefined {
    return this.#fault;
  }

  /** Events that the log did not have any more when this session came to them. */
  get skipped(): number {
    return this.#skipped;
  }

  get isEnded(): boolean {
    return this.#end.signal.aborted;
  }

  /** By partition; undefined until the session has begun. */
  partition(number: number): Partition | undefined {
    return this.#partitions.get(number);
  }

  owns(partition: Partition): boolean {
    return !partition.isLost && this.#partitions.get(partition.number) === partition;
  }

  /** What leaves the mailbox: from here on the event is open. Undefined when it is not this session's any more. */
  handOut(entry: Entry): KafkaItem | undefined {
    const { partition, offset, bytes, isAgain } = entry;
    if (!this.owns(partition)) return undefined;
    const wasFull = this.#waitingBytes >= LIMITS.mailboxBytes;
    this.#waitingBytes -= bytes;
    if (wasFull) this.#loop?.wake();
    return isAgain || partition.handOut(offset) ? new KafkaItem(entry) : undefined;
  }

  ack({ partition, offset }: Entry): void {
    partition.ack(offset);
    this.#commits.schedule();
  }

  release(entry: Entry): void {
    this.#again.push({ ...entry, isAgain: true });
    this.#fill();
  }

  /** The mailbox has room. */
  wake(): void {
    this.#fill();
    this.#loop?.wake();
  }

  /** The mailbox gave back what nobody read. */
  takeBack(unread: readonly Entry[]): void {
    this.#again = [...unread.filter(({ isAgain }) => isAgain), ...this.#again];
    this.#waitingBytes = 0;
    for (const partition of this.#partitions.values()) partition.rewind();
  }

  /** The group is to be let go, by the deadline. With an error: a receive fails with it. */
  async end(deadline: number, error?: TransportError): Promise<void> {
    if (!this.isEnded) this.#finish(error);
    const { clock } = this.#options.context;
    const member = this.#member;
    await this.#commits.close(deadline, error === undefined);
    this.#isMember = false;
    const letGo = Promise.all([member?.leave(deadline), this.#loop?.close(), this.#running]);
    await byDeadline(letGo, deadline, clock);
  }

  #finish(error: TransportError | undefined): void {
    const { mailbox, onEnd } = this.#options;
    this.#end.abort();
    for (const entry of this.#partitions.values()) entry.isLost = true;
    this.#again = [];
    mailbox.drain();
    this.#loop?.wake();
    onEnd(error);
  }

  async #run(): Promise<void> {
    const { clock } = this.#options.context;
    while (!this.isEnded) {
      try {
        await this.#begin();
        this.#fault = undefined;
        await this.#readOn();
      } catch (error) {
        this.#failed(error);
      }
      if (!this.isEnded) await sleep(clock, LIMITS.retryMs, this.#end.signal);
    }
  }

  #failed(error: unknown): void {
    const fault = toTransportError(error, `The group "${this.#options.group}"`);
    this.#fault = fault;
    if (!FINAL.has(fault.code) || this.isEnded) return;
    const deadline = this.#options.context.clock.now() + LIMITS.requestMs;
    void this.end(deadline, fault);
  }

  /** A topic that a reader does not find may be unknown to one broker only: beginning anew shows which it is. */
  async #readOn(): Promise<void> {
    try {
      await this.#read();
    } catch (error) {
      const fault = toTransportError(error, `The Kafka topic "${this.#options.address}"`);
      if (fault.code !== "not_found") throw fault;
      this.#fault = fault;
    }
  }

  /** A member looks only whether topic and group are still the same: nobody else can have moved the group. */
  async #begin(): Promise<void> {
    const { groups, address, group } = this.#options;
    const { topicId, partitionCount } = await groups.load(address, group);
    if (this.isEnded || (this.#isMember && topicId === this.#topicId)) return;
    this.#member ??= this.#openMember();
    const member = this.#member;
    if (!this.#isMember) await member.join(partitionCount);
    await this.#commits.idle();
    this.#adopt(await groups.load(address, group)); // from here on commits of earlier owners are refused
    this.#isMember = !this.isEnded && this.#member === member;
    await this.#commits.now("used");
  }

  #openMember(): Member {
    const { context, address, group } = this.#options;
    const member = new Member({
      ...context,
      ...{ address, group },
      nativeGroup: nativeGroup(context.busId, group),
      instance: nativeInstance(context.busId),
      onLost: (error) => {
        if (this.#member !== member) return;
        this.#member = undefined;
        this.#isMember = false;
        void member.leave(0);
        this.#failed(error);
        this.#loop?.wake();
      },
    });
    return member;
  }

  /** Partitions that somebody else has read meanwhile, or that are of a topic that is gone, are lost. */
  #adopt({ topicId, committed, ends, partitionCount }: GroupState): void {
    this.#topicId = topicId;
    for (let number = 0; number < partitionCount; number += 1) {
      const known = this.#partitions.get(number);
      const found = committed.get(number);
      if (known?.topicId === topicId && known.isAt(found)) continue;
      if (known !== undefined) this.#lose(known);
      this.#partitions.set(number, new Partition(number, topicId, found, ends.get(number) ?? 0n));
    }
  }

  #lose(partition: Partition): void {
    partition.isLost = true;
    this.takeBack(this.#options.mailbox.drain());
    this.#again = this.#again.filter((entry) => entry.partition !== partition);
  }

  async #read(): Promise<void> {
    const { context, address, mailbox } = this.#options;
    this.#loop ??= new FetchLoop({
      ...{ settings: context.settings, clock: context.clock, address },
      hasRoom: () => mailbox.free > 0 && this.#again.length === 0 && this.#waitingBytes < LIMITS.mailboxBytes,
      partitions: () => [...this.#partitions.values()],
      onLayout: (layout) => this.#checkLayout(layout.topicId, layout.leaders.length),
      onPage: (partition, page) => {
        this.#fault = undefined;
        partition.addPage(page);
        this.#fill();
        this.#commits.schedule();
      },
      onFault: (partition, code) => this.#partitionFault(partition, code),
      onOutage: (error) => {
        this.#fault = toTransportError(error, `The Kafka topic "${address}"`);
      },
    });
    await this.#loop.run(() => this.#isMember && !this.isEnded);
  }

  /** A partition that was added to the topic is read from its beginning. */
  #checkLayout(topicId: string, count: number): void {
    if (topicId !== this.#topicId) throw topicNotFound(this.#options.address);
    for (let number = this.#partitions.size; number < count; number += 1) {
      this.#partitions.set(number, new Partition(number, topicId, undefined, 0n));
    }
  }

  /** Throws what ends the reading. Where the log has not got what the group is to read next, that is told. */
  async #partitionFault(partition: Partition, code: number): Promise<void> {
    const fault = new ProtocolError(code);
    if (fault.apiId !== "OFFSET_OUT_OF_RANGE")
      throw toTransportError(fault, `The Kafka topic "${this.#options.address}"`);
    const { topology, address, context, group, mailbox } = this.#options;
    const count = this.#partitions.size;
    const [begins, ends] = await Promise.all([
      topology.offsets(address, count, EARLIEST),
      topology.offsets(address, count, LATEST),
    ]);
    const begin = begins.get(partition.number) ?? 0n;
    const end = ends.get(partition.number) ?? 0n;
    const wanted = partition.fetchFrom;
    if (wanted >= begin && wanted <= end) return; // the log has moved since
    const isBehind = wanted < begin;
    const at = {
      address,
      group,
      partition: partition.number,
      wanted: String(wanted),
      begin: String(begin),
      end: String(end),
    };
    if (isBehind)
      context.logger.warn(at, "retention took events that a group had not read; they are skipped and counted");
    else
      context.logger.error(
        at,
        "the log ends before the group's position, as after an unclean leader election; it goes on at the end",
      );
    this.takeBack(mailbox.drain());
    this.#skipped += Number(partition.seek(isBehind ? begin : end));
    this.#commits.schedule();
  }

  /** Decodes what was fetched, as far as the mailbox has room. Released events go first. */
  #fill(): void {
    const { mailbox } = this.#options;
    if (this.isEnded) return;
    while (this.#again.length > 0) {
      const [entry] = this.#again;
      if (entry === undefined || !mailbox.push(entry)) return;
      this.#waitingBytes += entry.bytes;
      this.#again.shift();
    }
    for (const partition of this.#partitions.values()) {
      while (partition.hasFetched && mailbox.free > 0) {
        const record = partition.peekFetched();
        if (record !== undefined && partition.isOwed(record.offset)) this.#admit(partition, record);
        partition.shiftFetched();
      }
    }
  }

  #admit(partition: Partition, record: StoredRecord): void {
    const { offset, storedAt, key, value } = record;
    const { context, address, matcher, leniency, mailbox } = this.#options;
    const { strict, envelope } = context.topicSettings(address);
    const event = decodeRecord(record, { address, topicId: partition.topicId, strict, envelope, leniency });
    if (!isMalformed(event) && !matcher.matches(event)) {
      partition.pass(offset);
      return;
    }
    partition.admit(offset);
    const bytes = value?.length ?? 0;
    this.#waitingBytes += bytes;
    mailbox.push({ partition, offset, event, storedAt, key: key?.toString(), bytes, isAgain: false });
  }
}
