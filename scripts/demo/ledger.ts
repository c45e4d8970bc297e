/** The account of the demo: what was published in each cloud, and what arrived in each. */
import type { ReceivedRequest } from "../../test/support/receiver.ts";
import { isSame, type Sample } from "./sample.ts";

export interface Entry {
  readonly published: number;
  readonly arrived: number;
  readonly missing: number;
  readonly duplicated: number;
  readonly changed: number;
}

export class Ledger {
  readonly #published = new Map<string, { readonly cloud: string; readonly sample: Sample }>();
  /** How often each event came, by the cloud that it came to. */
  readonly #arrivals = new Map<string, Map<string, number>>();
  readonly #changed = new Map<string, Set<string>>();
  #count = 0;

  /** All arrivals so far, repeated ones too. */
  get arrivals(): number {
    return this.#count;
  }

  /** Before it is sent, since it may arrive before the answer does. */
  publish(cloud: string, sample: Sample): void {
    this.#published.set(sample.id, { cloud, sample });
  }

  receive(cloud: string, request: ReceivedRequest): void {
    const { id = "" } = request;
    const arrivals = this.#arrivals.get(cloud) ?? new Map<string, number>();
    this.#arrivals.set(cloud, arrivals.set(id, (arrivals.get(id) ?? 0) + 1));
    this.#count += 1;
    const sample = this.#published.get(id)?.sample;
    if (sample !== undefined && isSame(sample, request)) return;
    this.#changed.set(cloud, (this.#changed.get(cloud) ?? new Set()).add(id));
  }

  entry(from: string, to: string): Entry {
    const published = [...this.#published].filter(([, { cloud }]) => cloud === from).map(([id]) => id);
    const arrivals = this.#arrivals.get(to);
    const counts = published.map((id) => arrivals?.get(id) ?? 0);
    const arrived = counts.filter((count) => count > 0).length;
    return {
      published: published.length,
      arrived,
      missing: published.length - arrived,
      duplicated: counts.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
      changed: published.filter((id) => this.#changed.get(to)?.has(id)).length,
    };
  }
}
