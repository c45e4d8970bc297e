/** What the store keeps of the subscriptions. */
import type { Store } from "../store/port.ts";
import type { SubscriptionInput } from "../subscription/subscription.ts";
import type { Origin } from "./bus.ts";
import { KeyedQueue } from "./keyed-queue.ts";

export interface SubscriptionRecord {
  readonly input: SubscriptionInput & { readonly id: string };
  readonly origin: Origin;
  readonly state: "provisioning" | "ready" | "deleting";
  /** Why it is paused, or absent. */
  readonly paused?: string;
}

interface Recorded {
  readonly id: string;
  readonly revision: number;
  record: SubscriptionRecord;
}

export class SubscriptionRecords {
  readonly #store: Store;
  readonly #changes = new KeyedQueue();

  constructor(store: Store) {
    this.#store = store;
  }

  async all(): Promise<readonly { readonly record: SubscriptionRecord; readonly revision: number }[]> {
    const stored = await this.#store.resources("subscription");
    return stored.map(({ json, revision }) => ({ record: JSON.parse(json) as SubscriptionRecord, revision }));
  }

  put(record: SubscriptionRecord, revision: number): Promise<void> {
    const json = JSON.stringify(record);
    return this.#store.putResource("subscription", { name: record.input.id, revision, json });
  }

  /** Changes of one subscription are made one after the other, each from the outcome of the one before. */
  change(of: Recorded, change: (record: SubscriptionRecord) => SubscriptionRecord): Promise<void> {
    return this.#changes.run(of.id, async () => {
      const record = change(of.record);
      await this.put(record, of.revision);
      of.record = record;
    });
  }

  /** With everything that is owed to the subscription. */
  async delete(id: string): Promise<void> {
    await this.#store.deleteDeliveries(id);
    await this.#store.deleteResource("subscription", id);
  }
}
