/** What a group, or a reader without one, is handed. Its position is spelled out only when somebody asks. */
import type { Event } from "../../src/event/event.ts";
import type { Item, Malformed, Position } from "../../src/transport/port.ts";
import type { LogEntry } from "./log.ts";
import { formatPosition } from "./position.ts";

export class LogItem implements Item {
  readonly entry: LogEntry;
  readonly redelivered: boolean;
  /** The log does not count deliveries. */
  readonly deliveries = undefined;
  /** The log keeps the order of the whole topic, not of keys. */
  readonly key = undefined;
  readonly #generation: number;

  constructor(generation: number, entry: LogEntry, redelivered: boolean) {
    this.#generation = generation;
    this.entry = entry;
    this.redelivered = redelivered;
  }

  get event(): Event | Malformed {
    return this.entry.event;
  }

  get storedAt(): number {
    return this.entry.storedAt;
  }

  get position(): Position {
    return formatPosition(this.#generation, this.entry.number);
  }
}
