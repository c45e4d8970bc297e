/**
 * How the event of a delivery is stored: a CloudEvent as the record of `src/event/record.ts`; a malformed message as
 *
 *   u32 head bytes | head: JSON of reason and headers | bytes        (little endian)
 *
 * Which of the two it is, its row says.
 */
import type { Event } from "../../event/event.ts";
import { readRecord, recordBytes, writeRecord } from "../../event/record.ts";
import { isMalformed, type Malformed } from "../../transport/port.ts";
import type { PackedEvent } from "./messages.ts";

const HEAD_AT = 4;

/** Puts events side by side into one buffer that can be moved to a thread. */
export class EventPacker {
  readonly #writers: ((target: Buffer) => void)[] = [];
  #bytes = 0;

  add(event: Event | Malformed): PackedEvent {
    const { bytes, write, identity } = encoderOf(event);
    const start = this.#bytes;
    this.#bytes += bytes;
    this.#writers.push((target) => write(target, start));
    return { start, end: this.#bytes, identity };
  }

  pack(): ArrayBuffer {
    const bytes = new ArrayBuffer(this.#bytes);
    const target = Buffer.from(bytes);
    for (const write of this.#writers) write(target);
    return bytes;
  }
}

/** Its data is a view of `source`. */
export function readEvent(source: Buffer, malformed: boolean): Event | Malformed {
  return malformed ? readMalformed(source) : readRecord(source, 0).event;
}

interface Encoder {
  readonly bytes: number;
  readonly write: (target: Buffer, offset: number) => void;
  readonly identity: PackedEvent["identity"];
}

function encoderOf(event: Event | Malformed): Encoder {
  if (isMalformed(event)) return malformedEncoder(event);
  return {
    bytes: recordBytes(event),
    write: (target, offset) => writeRecord(event, target, offset),
    identity: { id: event.id, source: event.source, type: event.type },
  };
}

function malformedEncoder({ malformed, headers, bytes }: Malformed): Encoder {
  const head = Buffer.from(JSON.stringify([malformed, headers]));
  return {
    bytes: HEAD_AT + head.length + bytes.length,
    write: (target, offset) => {
      target.writeUInt32LE(head.length, offset);
      target.set(head, offset + HEAD_AT);
      target.set(bytes, offset + HEAD_AT + head.length);
    },
    identity: undefined,
  };
}

function readMalformed(source: Buffer): Malformed {
  const bodyAt = HEAD_AT + source.readUInt32LE(0);
  const [malformed, headers] = JSON.parse(source.toString("utf8", HEAD_AT, bodyAt)) as [string, Malformed["headers"]];
  return { malformed, headers, bytes: source.subarray(bodyAt) };
}
