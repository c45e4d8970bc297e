/**
 * The harness for a transport that somebody uses: everything it creates has a name of its own, is remembered, and can
 * be removed afterwards. What would disturb others, such as an outage of the broker, it can't do.
 */
import { randomUUID } from "node:crypto";
import type { Capabilities, TopicSettings, Transport } from "../port.ts";
import type { Harness } from "./case.ts";

/** One opened transport. */
export interface Instance {
  readonly transport: Transport;
  /** Closes it and opens it again on the same native topics, as a new process would: `transport` is another one then. */
  restart(): Promise<void>;
  /** Closes it; what only it could see is gone. */
  dispose(): Promise<void>;
}

/** What is verified. */
export interface Subject {
  open(): Promise<Instance>;
  /** Whether all instances see the same native topics, as those of a broker do, and a topic outlives them. */
  readonly isShared: boolean;
  readonly settings: TopicSettings;
  /** What must never appear in an error's message. */
  readonly secrets: readonly string[];
}

/** A native topic that could not be removed. */
export interface Leftover {
  readonly address: string;
  readonly reason: string;
}

const NAME_PREFIX = "pulsebus-verify-";

export class ScratchHarness implements Harness {
  readonly settings: TopicSettings;
  readonly secrets: readonly string[];
  /** Longer than brokers take to hand out again what they think is lost at once. */
  readonly quietMs = 1_000;
  /** Enough to exceed a prefetch, and little for a broker at work. */
  readonly backlog = 1_000;
  /** What every transport keeps, also one that keeps each ack. */
  readonly keepsAcks = "offset";
  readonly attach: Harness["attach"];
  readonly #subject: Subject;
  readonly #instance: Instance;
  readonly #others = new Set<Instance>();
  /** Groups by address. */
  readonly #created = new Map<string, Set<string>>();
  readonly #read = new Set<keyof Capabilities>();

  private constructor(subject: Subject, instance: Instance) {
    this.#subject = subject;
    this.#instance = instance;
    this.settings = subject.settings;
    this.secrets = subject.secrets;
    this.attach = subject.isShared ? () => this.open() : undefined;
  }

  static async open(subject: Subject): Promise<ScratchHarness> {
    return new ScratchHarness(subject, await subject.open());
  }

  get transport(): Transport {
    return this.#watched(this.#instance.transport);
  }

  name(): string {
    return `${NAME_PREFIX}${randomUUID()}`;
  }

  async address(): Promise<string> {
    const address = this.name();
    await this.transport.provision(address, this.settings);
    return address;
  }

  async open() {
    const instance = await this.#subject.open();
    this.#others.add(instance);
    return { transport: this.#watched(instance.transport), dispose: () => this.#dispose(instance) };
  }

  restart(): Promise<void> {
    return this.#instance.restart();
  }

  /** The capabilities that were looked at since the last call. */
  takeRead(): readonly (keyof Capabilities)[] {
    const read = [...this.#read];
    this.#read.clear();
    return read;
  }

  /** Closes what is open and removes what was created; answers what could not be removed. */
  async close(): Promise<readonly Leftover[]> {
    for (const instance of this.#others) await this.#dispose(instance);
    await this.#instance.dispose();
    if (!this.#subject.isShared || this.#created.size === 0) return [];
    // Not with the transport of the cases: consumers that a failed case left behind may hold groups there.
    const cleaner = await this.#subject.open();
    const leftovers: Leftover[] = [];
    for (const [address, groups] of this.#created) {
      await remove(cleaner.transport, address, groups).catch((error) =>
        leftovers.push({ address, reason: error instanceof Error ? error.message : String(error) }),
      );
    }
    await cleaner.dispose();
    return leftovers;
  }

  async #dispose(instance: Instance): Promise<void> {
    if (this.#others.delete(instance)) await instance.dispose();
  }

  /** The transport, except that it is noticed what is created on it and what is read of its capabilities. */
  #watched(transport: Transport): Transport {
    const capabilities = new Proxy(transport.capabilities, {
      get: (target, name) => {
        if (Object.hasOwn(target, name)) this.#read.add(name as keyof Capabilities);
        return Reflect.get(target, name);
      },
    });
    const replaced: Partial<Transport> = {
      capabilities,
      provision: (address, settings) => {
        this.#groupsOf(address);
        return transport.provision(address, settings);
      },
      createGroup: (address, group, start) => {
        this.#groupsOf(address).add(group);
        return transport.createGroup(address, group, start);
      },
    };
    return new Proxy(transport, {
      get(target, name) {
        const value: unknown = Reflect.get(replaced, name) ?? Reflect.get(target, name);
        return typeof value === "function" && !Object.hasOwn(replaced, name) ? value.bind(target) : value;
      },
    });
  }

  #groupsOf(address: string): Set<string> {
    const groups = this.#created.get(address) ?? new Set();
    this.#created.set(address, groups);
    return groups;
  }
}

/** Groups first: a broker may keep those of a topic that is gone. */
async function remove(transport: Transport, address: string, groups: Iterable<string>): Promise<void> {
  for (const group of groups) await transport.deleteGroup(address, group);
  await transport.deprovision(address);
}
