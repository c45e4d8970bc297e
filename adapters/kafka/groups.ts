/** Groups on the cluster. A group exists for a topic when it has an offset committed there. */
import { offsetCommitV9 } from "@platformatic/kafka";
import type { Start, TransportError } from "../../src/transport/port.ts";
import type { Browser } from "./browser.ts";
import { type KafkaContext, nativeGroup } from "./context.ts";
import { groupNotFound, nativeCode } from "./errors.ts";
import { formatNote, type Note, parseNote } from "./note.ts";
import { LATEST, type Topology } from "./topology.ts";

const GROUP_KEY_TYPE = 0;

export interface Committed {
  readonly offset: bigint;
  /** Undefined where the offset was committed by somebody else. */
  readonly note: Note | undefined;
  /** The whole of it, to tell whether it changed. */
  readonly mark: string;
}

export function markOf(offset: bigint, metadata: string | null | undefined): string {
  return `${offset} ${metadata}`;
}

export interface GroupState {
  readonly topicId: string;
  readonly partitionCount: number;
  /** By partition: where the log ends now. */
  readonly ends: ReadonlyMap<number, bigint>;
  /** By partition. One that was added to the topic since has none, and is read from its beginning. */
  readonly committed: ReadonlyMap<number, Committed>;
}

export class Groups {
  readonly #context: KafkaContext;
  readonly #topology: Topology;
  readonly #browser: Browser;

  constructor(context: KafkaContext, topology: Topology, browser: Browser) {
    this.#context = context;
    this.#topology = topology;
    this.#browser = browser;
  }

  async create(address: string, group: string, start: Start): Promise<void> {
    const { topicId, leaders } = await this.#topology.topic(address);
    const committed = await this.#committed(address, group, topicId);
    if (committed.size > 0) return;
    if (!this.#context.topicSettings(address).provision) throw groupNotFound(address, group);
    const { offsets } = await this.#browser.resolve(address, { topicId, count: leaders.length }, start);
    const partitions = [...offsets].map(([partitionIndex, offset]) => {
      const note: Note = { topicId, state: "clean", began: offset, high: offset, open: [] };
      return {
        ...{ partitionIndex, committedOffset: offset },
        ...{ committedLeaderEpoch: -1, committedMetadata: formatNote(note, offset) },
      };
    });
    const native = nativeGroup(this.#context.busId, group);
    await this.#context.admin.call(subject(group), async (admin) => {
      const [coordinator] = await admin.findCoordinator({ keyType: GROUP_KEY_TYPE, keys: [native] });
      const connection = await admin.connections.get(coordinator ?? { host: "", port: 0 });
      await offsetCommitV9.api.async(connection, native, -1, "", null, [{ name: address, partitions }]);
    });
  }

  /** Members that are left of it, of this bus or not, are removed. */
  async delete(group: string): Promise<void> {
    const { admin, busId } = this.#context;
    const groupId = nativeGroup(busId, group);
    try {
      await admin.call(subject(group), (client) => client.deleteGroups({ groups: [groupId] }));
    } catch (error) {
      const code = nativeCode((error as Error).cause);
      if (code === "GROUP_ID_NOT_FOUND") return;
      if (code !== "NON_EMPTY_GROUP") throw error;
      await admin.call(subject(group), (client) => client.removeMembersFromConsumerGroup({ groupId, members: null }));
      await admin.call(subject(group), (client) => client.deleteGroups({ groups: [groupId] })).catch(tolerateMissing);
    }
  }

  /** Rejects with `not_found` for a missing topic or group. */
  async load(address: string, group: string): Promise<GroupState> {
    const { topicId, leaders } = await this.#topology.topic(address);
    const committed = await this.#committed(address, group, topicId);
    if (committed.size === 0) throw groupNotFound(address, group);
    const ends = await this.#topology.offsets(address, leaders.length, LATEST);
    return { topicId, partitionCount: leaders.length, ends, committed };
  }

  /** Offsets of a topic that had the same name are none. */
  async #committed(address: string, group: string, topicId: string): Promise<Map<number, Committed>> {
    const groups = [nativeGroup(this.#context.busId, group)];
    const [found] = await this.#context.admin.call(subject(group), (admin) =>
      admin.listConsumerGroupOffsets({ groups }),
    );
    const committed = new Map<number, Committed>();
    for (const { name, partitions } of found?.topics ?? []) {
      if (name !== address) continue;
      for (const { partitionIndex, committedOffset: offset, metadata } of partitions) {
        const note = parseNote(metadata, offset);
        if (offset < 0n || (note !== undefined && note.topicId !== topicId)) continue;
        committed.set(partitionIndex, { offset, note, mark: markOf(offset, metadata) });
      }
    }
    return committed;
  }
}

function subject(group: string): string {
  return `The group "${group}"`;
}

function tolerateMissing(error: TransportError): void {
  if (nativeCode(error.cause) !== "GROUP_ID_NOT_FOUND") throw error;
}
