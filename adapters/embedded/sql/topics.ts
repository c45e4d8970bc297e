/** Operations on topics: load, provision, deprovision, and the removal of a deleted topic's blocks in small steps. */

import { DEDUPE_FORGET_ROWS_MAX } from "../../../src/limits.ts";
import type { Connection, Operation } from "../../../src/sqlite/module.ts";
import type { TopicSettings } from "../../../src/transport/port.ts";
import { type GroupRow, selectGroups } from "./groups.ts";
import type { Identities, Remembered } from "./identities.ts";

export interface TopicRow {
  readonly id: number;
  readonly address: string;
  readonly first: number;
  readonly next: number;
  readonly bytes: number;
  readonly settings: TopicSettings;
  /** When the oldest and the newest event that are kept were stored. */
  readonly oldestAt: number | undefined;
  readonly newestAt: number | undefined;
  /** For `dedupe`; undefined when nothing is remembered. */
  readonly remembered: Remembered | undefined;
}

export interface Loaded {
  readonly topics: readonly TopicRow[];
  readonly groups: readonly GroupRow[];
  /** Deleted topics of which something is left. */
  readonly deleted: readonly number[];
}

export interface Provision {
  readonly address: string;
  readonly settings: TopicSettings;
}

export interface Purge {
  readonly topic: number;
  readonly maxBlocks: number;
}

interface StoredTopic {
  readonly id: number;
  readonly address: string;
  readonly first: number;
  readonly next: number;
  readonly bytes: number;
  readonly settings: string;
  readonly oldest_at: number | null;
  readonly newest_at: number | null;
  readonly remembered_first: number | null;
  readonly remembered_at: number | null;
}

const SELECT_TOPICS = `
  SELECT id, address, first, next, bytes, settings,
    (SELECT stored_at FROM embedded_blocks WHERE topic = t.id ORDER BY first LIMIT 1) AS oldest_at,
    (SELECT stored_at FROM embedded_blocks WHERE topic = t.id ORDER BY first DESC LIMIT 1) AS newest_at,
    (SELECT first FROM embedded_identities WHERE topic = t.id ORDER BY first LIMIT 1) AS remembered_first,
    (SELECT stored_at FROM embedded_identities WHERE topic = t.id ORDER BY first LIMIT 1) AS remembered_at
  FROM embedded_topics AS t`;

export function topicWrites(connection: Connection, identities: Identities): Readonly<Record<string, Operation>> {
  const insert = connection.prepare(
    `INSERT INTO embedded_topics (address, first, next, bytes, settings) VALUES (?, 1, 1, 0, ?)
     ON CONFLICT (address) DO UPDATE SET settings = excluded.settings`,
  );
  const byAddress = connection.prepare<StoredTopic>(`${SELECT_TOPICS} WHERE address = ?`);
  const forget = connection.prepare<{ id: number }>(
    "UPDATE embedded_topics SET address = NULL WHERE address = ? RETURNING id",
  );
  const deleteGroups = connection.prepare("DELETE FROM embedded_groups WHERE topic = ?");
  const deleteBlocks = connection.prepare(
    `DELETE FROM embedded_blocks WHERE id IN
     (SELECT id FROM embedded_blocks WHERE topic = ? ORDER BY first LIMIT ?)`,
  );
  const deleteTopic = connection.prepare("DELETE FROM embedded_topics WHERE id = ?");
  return {
    "embedded.provision": ({ address, settings }: Provision) => {
      insert.run(address, JSON.stringify(settings));
      return { result: toTopic(byAddress.get(address)) };
    },
    "embedded.deprovision": (address: string) => {
      const row = forget.get(address);
      if (row !== undefined) deleteGroups.run(row.id);
      return { result: row?.id };
    },
    "embedded.purge": ({ topic, maxBlocks }: Purge) => {
      const forgotten = identities.forget({
        ...{ topic, maxRows: DEDUPE_FORGET_ROWS_MAX },
        ...{ storedBefore: Number.POSITIVE_INFINITY, numberBelow: Number.POSITIVE_INFINITY },
      });
      const more = deleteBlocks.run(topic, maxBlocks).changes === maxBlocks || forgotten.more;
      if (!more) deleteTopic.run(topic);
      return { result: more };
    },
  };
}

export function topicReads(connection: Connection): Readonly<Record<string, Operation>> {
  const topics = connection.prepare<StoredTopic>(`${SELECT_TOPICS} WHERE address IS NOT NULL`);
  const groups = selectGroups(connection);
  const deleted = connection.prepare<{ id: number }>("SELECT id FROM embedded_topics WHERE address IS NULL");
  return {
    "embedded.load": () => {
      const loaded: Loaded = {
        topics: topics.all().flatMap((row) => toTopic(row) ?? []),
        groups: groups(),
        deleted: deleted.all().map(({ id }) => id),
      };
      return { result: loaded };
    },
  };
}

function toTopic(row: StoredTopic | undefined): TopicRow | undefined {
  if (row === undefined) return undefined;
  const { id, address, first, next, bytes } = row;
  const settings = JSON.parse(row.settings) as TopicSettings;
  return {
    ...{ id, address, first, next, bytes, settings },
    oldestAt: row.oldest_at ?? undefined,
    newestAt: row.newest_at ?? undefined,
    remembered:
      row.remembered_first === null || row.remembered_at === null
        ? undefined
        : { first: row.remembered_first, storedAt: row.remembered_at },
  };
}
