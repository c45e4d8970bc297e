/** Operations on groups: create, delete, claim, and the progress of many in one call. */
import { type Connection, type Operation, OperationError } from "../../../src/sqlite/module.ts";
import { locator, type StartNumber } from "./locate.ts";

export interface GroupRow {
  readonly id: number;
  readonly topic: number;
  readonly name: string;
  /** The first event that the group was to receive. */
  readonly began: number;
  readonly next: number;
  readonly open: readonly number[];
  readonly skipped: number;
  readonly inUse: boolean;
}

export interface CreateGroup {
  readonly topic: number;
  readonly name: string;
  readonly start: StartNumber;
}

export interface GroupProgress {
  readonly id: number;
  readonly next: number;
  /** A JSON array of numbers: one string crosses to the thread cheaper than an array. */
  readonly open: string;
  readonly skipped: number;
  readonly inUse: 0 | 1;
}

/** Groups that only passed over events that they do not want, all up to the same one, and have nothing open. */
export interface PassedGroups {
  readonly next: number;
  /** A JSON array. */
  readonly groups: string;
}

export interface Progress {
  readonly moved: readonly GroupProgress[];
  readonly passed: readonly PassedGroups[];
}

interface StoredGroup {
  readonly id: number;
  readonly topic: number;
  readonly name: string;
  readonly began: number;
  readonly next: number;
  readonly open: string;
  readonly skipped: number;
  readonly in_use: number;
}

const SELECT_GROUPS = "SELECT id, topic, name, began, next, open, skipped, in_use FROM embedded_groups";

export function groupWrites(connection: Connection): Readonly<Record<string, Operation>> {
  const insert = connection.prepare(
    "INSERT INTO embedded_groups (topic, name, began, next, open, skipped, in_use) VALUES (?, ?, ?, ?, '[]', 0, 0)",
  );
  const byName = connection.prepare<StoredGroup>(`${SELECT_GROUPS} WHERE topic = ? AND name = ?`);
  const deleteGroup = connection.prepare("DELETE FROM embedded_groups WHERE id = ?");
  const claim = connection.prepare("UPDATE embedded_groups SET in_use = 1 WHERE id = ?");
  const move = connection.prepare(
    "UPDATE embedded_groups SET next = ?, open = ?, skipped = ?, in_use = ? WHERE id = ?",
  );
  const pass = connection.prepare("UPDATE embedded_groups SET next = ? WHERE id IN (SELECT value FROM json_each(?))");
  const locate = locator(connection);
  return {
    "embedded.create-group": ({ topic, name, start }: CreateGroup) => {
      if (byName.get(topic, name) === undefined) {
        const began = locate(topic, start);
        insert.run(topic, name, began, began);
      }
      const row = byName.get(topic, name);
      if (row === undefined) throw new OperationError("not_found", "the group was not stored");
      return { result: toGroup(row) };
    },
    "embedded.delete-group": (group: number) => ({ result: deleteGroup.run(group).changes }),
    "embedded.claim": (group: number) => ({ result: claim.run(group).changes }),
    "embedded.progress": ({ moved, passed }: Progress) => {
      for (const { id, next, open, skipped, inUse } of moved) move.run(next, open, skipped, inUse, id);
      for (const { next, groups } of passed) pass.run(next, groups);
      return { result: undefined };
    },
  };
}

/** All groups of topics that are not deleted. */
export function selectGroups(connection: Connection): () => GroupRow[] {
  const groups = connection.prepare<StoredGroup>(SELECT_GROUPS);
  return () => groups.all().map(toGroup);
}

function toGroup({ open, in_use, ...row }: StoredGroup): GroupRow {
  return { ...row, open: JSON.parse(open) as number[], inUse: in_use === 1 };
}
