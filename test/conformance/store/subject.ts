/**
 * The Store conformance suite: what every store has to do, as plain functions that a test file runs on one kind of
 * store. The sentences are those of the port's comments.
 */
import type { Store } from "../../../src/store/port.ts";
import { BILLING, OTHER } from "./samples.ts";

export interface OpenStore {
  readonly store: Store;
  /** Closes the store and what is under it, so that another process may open the same data. */
  close(): Promise<void>;
}

/** One kind of store. */
export interface StoreKind {
  /** A module that exports `openStore` as below: a process that is to be killed loads it. */
  readonly module: URL;
  /** Where fresh data may lie: a directory, the URL of an empty database. */
  newLocation(): Promise<string>;
  openStore(location: string): Promise<OpenStore>;
  removeLocation(location: string): Promise<void>;
}

/** The store that a case works on. */
export class Subject {
  readonly kind: StoreKind;
  readonly location: string;
  #open: OpenStore | undefined;

  private constructor(kind: StoreKind, location: string, open: OpenStore) {
    this.kind = kind;
    this.location = location;
    this.#open = open;
  }

  static async create(kind: StoreKind): Promise<Subject> {
    const location = await kind.newLocation();
    return new Subject(kind, location, await kind.openStore(location));
  }

  get store(): Store {
    if (this.#open === undefined) throw new Error("the store is closed");
    return this.#open.store;
  }

  async close(): Promise<void> {
    await this.#open?.store.close();
    await this.#open?.close();
    this.#open = undefined;
  }

  /** Deletes what earlier cases left, so that one opening serves many cases. */
  async clean(): Promise<void> {
    const store = this.#open?.store ?? (await this.reopen());
    for (const subscription of [BILLING, OTHER]) await store.deleteDeliveries(subscription);
    for (const kind of ["topic", "subscription"] as const) {
      for (const { name } of await store.resources(kind)) await store.deleteResource(kind, name);
    }
  }

  async reopen(): Promise<Store> {
    await this.close();
    this.#open = await this.kind.openStore(this.location);
    return this.store;
  }

  async destroy(): Promise<void> {
    await this.close();
    await this.kind.removeLocation(this.location);
  }
}

export interface StoreCase {
  /** A sentence: `the store …`. */
  readonly name: string;
  readonly run: (subject: Subject) => Promise<void>;
}
