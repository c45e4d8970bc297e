/**
 * Positions as text: `<topic id>/<partition>:<offset>`. The topic id is Kafka's own UUID of the topic, another one for
 * a topic that is deleted and created again. Where a page of several partitions goes on, the position lists them all:
 * `<topic id>/0:12,1:7`.
 */
import { type Position, TransportError } from "../../src/transport/port.ts";

export interface PositionParts {
  readonly topicId: string;
  /** By partition: the offset. */
  readonly offsets: ReadonlyMap<number, bigint>;
}

const SHAPE = /^([0-9a-f-]{36})\/(\d{1,9}:\d{1,18}(?:,\d{1,9}:\d{1,18})*)$/;

export function formatPosition(topicId: string, partition: number, offset: bigint): Position {
  return `${topicId}/${partition}:${offset}`;
}

export function formatPositions({ topicId, offsets }: PositionParts): Position {
  return `${topicId}/${[...offsets].map(([partition, offset]) => `${partition}:${offset}`).join(",")}`;
}

/** Undefined when the text is no position of a Kafka topic. */
export function parsePosition(position: Position): PositionParts | undefined {
  const [, topicId, list] = SHAPE.exec(position) ?? [];
  if (topicId === undefined || list === undefined) return undefined;
  const pairs = list.split(",").map((pair) => pair.split(":"));
  return {
    topicId,
    offsets: new Map(pairs.map(([partition = "", offset = ""]) => [Number(partition), BigInt(offset)])),
  };
}

/** Throws `invalid` when the text is no position of this topic. */
export function positionOf(position: Position, topicId: string): PositionParts {
  const parts = parsePosition(position);
  if (parts === undefined) throw new TransportError("invalid", "The position is none of a Kafka topic");
  if (parts.topicId !== topicId) {
    throw new TransportError("invalid", "The position is of another topic, or of one that was deleted since");
  }
  return parts;
}
