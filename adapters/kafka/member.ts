/**
 * Membership in a Kafka group, which is held to own it: the group belongs to one process of one bus.
 *
 * Every process of a bus is the same static member (`group.instance.id`), so that a process that starts after a crash
 * takes the group over at once, and one that was displaced is told: its heartbeats and commits are answered with
 * FENCED_INSTANCE_ID, and it ends. The consumer of the client library would join again and take the group back, so
 * that two processes would displace each other for ever; that is why the protocol (KIP-345) is spoken here.
 *
 * joining: JoinGroup, SyncGroup. The member leads the group and assigns everything to itself; when another client leads
 *   it, that one owns the group.
 * member: heartbeats, independent of what is read. A rebalance is answered by joining again, in the same membership.
 * lost: the broker knows the member no more (it was cut off for longer than the session lasts). It joins anew; who
 *   uses it has to look what happened to the group meanwhile.
 * fenced, left: for good.
 */
import {
  Admin,
  type Connection,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  offsetCommitV9,
  syncGroupV5,
} from "@platformatic/kafka";
import type { Clock } from "../../src/runtime/clock.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import { TransportError } from "../../src/transport/port.ts";
import { fencedError, nativeCode, toTransportError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { clientOptions, type KafkaSettings } from "./settings.ts";
import { within } from "./within.ts";

export interface MemberOptions {
  readonly settings: KafkaSettings;
  readonly clock: Clock;
  readonly address: string;
  /** The group as users know it, for messages, and as Kafka does. */
  readonly group: string;
  readonly nativeGroup: string;
  readonly instance: string;
  /** The membership ended: `fenced`, `permission_denied`, or `aborted` when it can be joined anew. Called once. */
  readonly onLost: (error: TransportError) => void;
}

export interface OffsetToCommit {
  readonly partition: number;
  readonly offset: bigint;
  readonly note: string;
}

const GROUP_KEY_TYPE = 0;
const PROTOCOL = "pulsebus";
const LOST = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION"]);

export class Member {
  readonly #options: MemberOptions;
  #client: Admin;
  #coordinator: { readonly host: string; readonly port: number } | undefined;
  #memberId = "";
  #generation = -1;
  #isOver = false;
  #cancelHeartbeat: () => void = () => {};

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#client = this.#openClient();
  }

  /** Rejects with `fenced` when another client leads the group, else with what is in the way now. */
  async join(partitionCount: number): Promise<void> {
    const { nativeGroup, instance, address, group } = this.#options;
    const subscription = encodeConsumerProtocolSubscription({ version: 0, topics: [address] });
    const joined = await this.#ask("join", (connection) =>
      joinGroupV9.api.async(
        connection,
        nativeGroup,
        LIMITS.sessionMs,
        LIMITS.rebalanceMs,
        this.#memberId,
        instance,
        "consumer",
        [{ name: PROTOCOL, metadata: subscription }],
      ),
    );
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    if (joined.leader !== joined.memberId) throw fencedError(group);
    const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
    const everything = encodeConsumerProtocolAssignment({
      version: 0,
      assignedPartitions: [{ topic: address, partitions }],
    });
    const others = joined.members.filter(({ memberId }) => memberId !== joined.memberId);
    const nothing = encodeConsumerProtocolAssignment({ version: 0, assignedPartitions: [] });
    await this.#ask("join", (connection) =>
      syncGroupV5.api.async(connection, nativeGroup, this.#generation, this.#memberId, instance, "consumer", PROTOCOL, [
        { memberId: this.#memberId, assignment: everything },
        ...others.map(({ memberId }) => ({ memberId, assignment: nothing })),
      ]),
    );
    this.#scheduleHeartbeat(partitionCount);
  }

  /** Rejects when the offsets are not known to be written; a membership that is over then is told to `onLost` too. */
  async commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    const { nativeGroup, instance, address } = this.#options;
    const partitions = offsets.map(({ partition, offset, note }) => ({
      ...{ partitionIndex: partition, committedOffset: offset },
      ...{ committedLeaderEpoch: -1, committedMetadata: note },
    }));
    try {
      await this.#ask("commit", (connection) =>
        offsetCommitV9.api.async(connection, nativeGroup, this.#generation, this.#memberId, instance, [
          { name: address, partitions },
        ]),
      );
    } catch (error) {
      this.#judge(error);
      throw error;
    }
  }

  async leave(deadline: number): Promise<void> {
    const { clock, nativeGroup, instance } = this.#options;
    const isMember = !this.#isOver && this.#generation >= 0;
    this.#end();
    if (isMember) {
      const members = [{ memberId: this.#memberId, groupInstanceId: instance }];
      const leaving = this.#ask("leave", (connection) => leaveGroupV5.api.async(connection, nativeGroup, members));
      await byDeadline(leaving, deadline, clock);
    }
    await this.#client.close().catch(() => {});
  }

  #end(): void {
    this.#isOver = true;
    this.#cancelHeartbeat();
  }

  #scheduleHeartbeat(partitionCount: number): void {
    this.#cancelHeartbeat();
    if (this.#isOver) return;
    this.#cancelHeartbeat = this.#options.clock.timer(LIMITS.heartbeatMs, () => void this.#beat(partitionCount));
  }

  async #beat(partitionCount: number): Promise<void> {
    const { nativeGroup, instance } = this.#options;
    try {
      await this.#ask("heartbeat", (connection) =>
        heartbeatV4.api.async(connection, nativeGroup, this.#generation, this.#memberId, instance),
      );
    } catch (error) {
      if (this.#isOver) return;
      if (nativeCode(causeOf(error)) === "REBALANCE_IN_PROGRESS") await this.#rejoin(partitionCount);
      else this.#judge(error);
    }
    this.#scheduleHeartbeat(partitionCount);
  }

  async #rejoin(partitionCount: number): Promise<void> {
    try {
      await this.join(partitionCount);
    } catch (error) {
      this.#judge(error);
    }
  }

  /** An outage is waited for; only an answer of the broker ends the membership. */
  #judge(error: unknown): void {
    if (this.#isOver || !(error instanceof TransportError)) return;
    const isLost = LOST.has(nativeCode(causeOf(error)) ?? "");
    if (!isLost && error.code !== "fenced" && error.code !== "permission_denied") return;
    this.#end();
    this.#options.onLost(error.code === "fenced" ? fencedError(this.#options.group) : isLost ? lost(error) : error);
  }

  /** One request to the group's coordinator. A client that doesn't answer is replaced. */
  async #ask<Answer>(what: string, send: (connection: Connection) => Promise<Answer>): Promise<Answer> {
    const subject = `The group "${this.#options.group}" (${what})`;
    const client = this.#client;
    try {
      const asking = this.#connect(client).then(send);
      return await within(this.#options.clock, LIMITS.requestMs, asking, subject);
    } catch (error) {
      this.#coordinator = undefined; // it may have moved, and finding it costs one request
      if (error instanceof TransportError && error.code === "timeout" && !this.#isOver) this.#replaceClient(client);
      throw toTransportError(error, subject);
    }
  }

  async #connect(client: Admin): Promise<Connection> {
    const keys = [this.#options.nativeGroup];
    if (this.#coordinator === undefined) {
      const [found] = await client.findCoordinator({ keyType: GROUP_KEY_TYPE, keys });
      this.#coordinator = found;
    }
    return client.connections.get(this.#coordinator ?? { host: "", port: 0 });
  }

  #replaceClient(hung: Admin): void {
    if (this.#client !== hung) return;
    hung.close().catch(() => {});
    this.#client = this.#openClient();
  }

  #openClient(): Admin {
    const client = new Admin(clientOptions(this.#options.settings));
    client.on("error", () => {}); // each request tells its own
    return client;
  }
}

function lost(cause: TransportError): TransportError {
  return new TransportError("aborted", cause.message, { cause });
}

function causeOf(error: unknown): unknown {
  return error instanceof TransportError ? error.cause : error;
}
