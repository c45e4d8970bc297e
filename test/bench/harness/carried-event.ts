/**
 * The events that rows with brokers carry: binary mode, ten attributes, data of any size. All of an event follows from
 * its run and its number, so whoever receives one knows what it has to be, byte by byte.
 */
import { EVENT_ID_PLACEHOLDER, readEventId, writeEventId } from "./event-id.ts";

export interface CarriedEvent {
  readonly attributes: Readonly<Record<string, string>>;
  readonly data: Buffer;
}

/** Those attributes that all events have. Some bindings percent-encode the subject, others do not. */
export const SAME_ATTRIBUTES = {
  specversion: "1.0",
  source: "/bench/orders",
  type: "com.example.bench",
  subject: "größe/42 100%",
  time: "2026-01-01T00:00:00.123456789Z",
  datacontenttype: "application/json",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  region: "eu-1",
} as const;

/** Each event belongs to one of so many keys, in turn, and the events of a key have an order. */
export const KEYS = 1_000;

export class CarriedEvents {
  readonly #run: number;
  readonly #data: Buffer;
  readonly #idAt: number;
  readonly #id = Buffer.from(EVENT_ID_PLACEHOLDER);

  constructor(run: number, dataBytes: number) {
    this.#run = run;
    const frame = `{"id":"${EVENT_ID_PLACEHOLDER}","text":""}`;
    const text = "x".repeat(Math.max(0, dataBytes - frame.length));
    this.#data = Buffer.from(frame.replace('""', `"${text}"`));
    this.#idAt = this.#data.indexOf(EVENT_ID_PLACEHOLDER);
  }

  id(sequence: number): string {
    writeEventId(this.#id, 0, this.#idOf(sequence));
    return this.#id.toString("latin1");
  }

  key(sequence: number): string {
    return `key-${sequence % KEYS}`;
  }

  /** A buffer of its own: clients keep what they are given until it is confirmed. */
  data(sequence: number): Buffer {
    const data = Buffer.from(this.#data);
    writeEventId(data, this.#idAt, this.#idOf(sequence));
    return data;
  }

  /** The number that an event says it has, and whether all of it is as that event was published. */
  recognize({ attributes, data }: CarriedEvent): { readonly sequence: number; readonly isIntact: boolean } {
    const { sequence } = readEventId(attributes.id ?? "", 0);
    // The one attribute that a bridge adds.
    const { bridgevia: _, ...rest } = attributes;
    const expected = { ...SAME_ATTRIBUTES, id: this.id(sequence), partitionkey: this.key(sequence) };
    const names = Object.keys(rest);
    const areEqual = names.every((name) => rest[name] === expected[name as keyof typeof expected]);
    const isComplete = names.length === Object.keys(expected).length;
    return { sequence, isIntact: areEqual && isComplete && this.data(sequence).equals(data) };
  }

  #idOf(sequence: number) {
    return { run: this.#run, sequence, sentAtMicros: 0 };
  }
}
