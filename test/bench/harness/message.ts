/** Prepared HTTP requests: everything is there but the ids of the events. */
import { monotonicMicros } from "./clock.ts";
import { EVENT_ID_PLACEHOLDER, writeDigits, writeEventId } from "./event-id.ts";

export interface MessageShape {
  readonly mode: "binary" | "structured" | "batch";
  /** Events in one request; 1 except for a batch. */
  readonly events: number;
  readonly dataBytes: number;
  /** Besides id and content type, as headers have them; `ATTRIBUTES` when absent. For binary mode. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** How many values of `partitionkey` the events take in turn; they have none when absent. */
  readonly keys?: number;
  /** When the events are due (`deliverytime`), in milliseconds: the first one, and each one later than the one before. */
  readonly due?: { readonly from: number; readonly every: number };
}

export interface Target {
  readonly port: number;
  readonly path: string;
}

const KEY_DIGITS = 6;
const KEY_PLACEHOLDER = "K".repeat(KEY_DIGITS);
const DUE_PLACEHOLDER = "DDDD-DD-DDTDD:DD:DD.DDDZ";

export const SINGLE: MessageShape = { mode: "binary", events: 1, dataBytes: 1_024 };

/** One connection's request; the buffer may be sent again as soon as it was answered. */
export class Message {
  readonly bytes: Buffer;
  readonly events: number;
  readonly #shape: MessageShape;
  readonly #idOffsets: readonly number[];
  readonly #keyOffsets: readonly number[];
  readonly #dueOffsets: readonly number[];

  constructor(target: Target, shape: MessageShape) {
    this.bytes = Buffer.from(requestText(target, shape));
    this.events = shape.events;
    this.#shape = shape;
    this.#idOffsets = offsetsOf(this.bytes, EVENT_ID_PLACEHOLDER);
    this.#keyOffsets = shape.keys === undefined ? [] : offsetsOf(this.bytes, KEY_PLACEHOLDER);
    this.#dueOffsets = shape.due === undefined ? [] : offsetsOf(this.bytes, DUE_PLACEHOLDER);
  }

  /** Gives the events the ids `sequence`, `sequence + 1`, ... of this run, sent now. */
  stamp(run: number, sequence: number): void {
    const sentAtMicros = monotonicMicros();
    for (const [index, at] of this.#idOffsets.entries()) {
      writeEventId(this.bytes, at, { run, sequence: sequence + index, sentAtMicros });
    }
    const { keys = 1, due = { from: 0, every: 0 } } = this.#shape;
    for (const [index, at] of this.#keyOffsets.entries()) {
      writeDigits(this.bytes, at, KEY_DIGITS, (sequence + index) % keys);
    }
    for (const [index, at] of this.#dueOffsets.entries()) {
      this.bytes.write(new Date(due.from + due.every * (sequence + index)).toISOString(), at, "latin1");
    }
  }
}

export const ATTRIBUTES = {
  source: "/bench/orders",
  type: "com.example.bench",
  time: "2026-01-01T00:00:00Z",
} as const;

/** JSON of exactly this size. */
export function jsonData(bytes: number): string {
  const frame = '{"text":""}';
  return `{"text":"${"x".repeat(Math.max(0, bytes - frame.length))}"}`;
}

function requestText({ port, path }: Target, shape: MessageShape): string {
  const [headers, body] = shape.mode === "binary" ? binary(shape) : json(shape);
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    ...headers,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** Those whose values are stamped. */
function extensionsOf({ keys, due }: MessageShape): Readonly<Record<string, string>> {
  return {
    ...(keys === undefined ? {} : { partitionkey: KEY_PLACEHOLDER }),
    ...(due === undefined ? {} : { deliverytime: DUE_PLACEHOLDER }),
  };
}

function binary(shape: MessageShape): readonly [headers: string[], body: string] {
  const { dataBytes, attributes = ATTRIBUTES } = shape;
  const all = Object.entries({
    specversion: "1.0",
    id: EVENT_ID_PLACEHOLDER,
    ...attributes,
    ...extensionsOf(shape),
  });
  const headers = all.map(([name, value]) => `ce-${name}: ${value}`);
  return [["Content-Type: application/json", ...headers], jsonData(dataBytes)];
}

function json(shape: MessageShape): readonly [headers: string[], body: string] {
  const { mode, events, dataBytes } = shape;
  const attributes = {
    specversion: "1.0",
    id: EVENT_ID_PLACEHOLDER,
    ...ATTRIBUTES,
    ...extensionsOf(shape),
    datacontenttype: "application/json",
  };
  const event = `${JSON.stringify(attributes).slice(0, -1)},"data":${jsonData(dataBytes)}}`;
  if (mode === "structured") return [["Content-Type: application/cloudevents+json"], event];
  return [["Content-Type: application/cloudevents-batch+json"], `[${new Array(events).fill(event).join(",")}]`];
}

function offsetsOf(bytes: Buffer, text: string): number[] {
  const offsets: number[] = [];
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + text.length)) offsets.push(at);
  return offsets;
}
