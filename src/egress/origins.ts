/** The origins with connections, at most `SINK_ORIGINS_MAX` of them. One leaves when its last connection has closed. */
import type { buildConnector } from "undici";
import { SINK_ORIGINS_MAX } from "../limits.ts";
import { Origin } from "./origin.ts";

export class Origins {
  readonly #connect: buildConnector.connector;
  readonly #open = new Map<string, Origin>();
  #uses = 0;

  constructor(connect: buildConnector.connector) {
    this.#connect = connect;
  }

  /** Undefined when there are too many, all of them busy. */
  get(url: string): Origin | undefined {
    const origin = this.#open.get(url) ?? this.#add(url);
    if (origin !== undefined) origin.lastUse = ++this.#uses;
    return origin;
  }

  async close(): Promise<void> {
    const origins = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(origins.map((origin) => origin.destroy()));
  }

  #add(url: string): Origin | undefined {
    if (this.#open.size >= SINK_ORIGINS_MAX && !this.#dropLeastRecentlyUsed()) return undefined;
    const origin = new Origin(url, this.#connect, () => this.#drop(url, origin));
    this.#open.set(url, origin);
    return origin;
  }

  #dropLeastRecentlyUsed(): boolean {
    let oldest: readonly [string, Origin] | undefined;
    for (const entry of this.#open) {
      if (entry[1].isUnused && (oldest === undefined || entry[1].lastUse < oldest[1].lastUse)) oldest = entry;
    }
    if (oldest === undefined) return false;
    this.#drop(...oldest);
    return true;
  }

  #drop(url: string, origin: Origin): void {
    if (this.#open.get(url) === origin) this.#open.delete(url);
    void origin.destroy();
  }
}
