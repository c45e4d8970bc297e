/**
 * A subscription that lasts as long as the command: it is made with an expiry, renewed at a third of that time while
 * the command runs, and deleted at its end. One that is gone when it is to be renewed (the server was away
 * for longer than the lease) is made again, which is said, since events may have been missed.
 */
import { randomUUID } from "node:crypto";
import { LISTEN_LEASE_MS } from "../limits.ts";
import type { SubscriptionInput } from "../subscription/subscription.ts";
import { type Client, RefusedCall } from "./client.ts";
import { segment } from "./options.ts";

export class TemporarySubscription {
  readonly id = `listen-${randomUUID()}`;
  readonly #client: Client;
  readonly #input: Omit<SubscriptionInput, "id" | "expires">;
  readonly #note: (text: string) => void;
  readonly #leaseMs: number;
  #renewal: NodeJS.Timeout | undefined;

  constructor(
    client: Client,
    input: Omit<SubscriptionInput, "id" | "expires">,
    note: (text: string) => void,
    leaseMs = LISTEN_LEASE_MS,
  ) {
    this.#client = client;
    this.#input = input;
    this.#note = note;
    this.#leaseMs = leaseMs;
  }

  async open(): Promise<void> {
    await this.#client.send("POST", "/subscriptions", this.#document());
    this.#renewal = setInterval(() => void this.#renew(), this.#leaseMs / 3);
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#client.call("DELETE", this.#path, { accept: [404] });
  }

  async #renew(): Promise<void> {
    try {
      await this.#client.send("PUT", this.#path, this.#document());
    } catch (error) {
      const isGone = error instanceof RefusedCall && error.status === 404;
      await (isGone ? this.#createAgain() : this.#note(`can't renew the subscription: ${(error as Error).message}`));
    }
  }

  async #createAgain(): Promise<void> {
    try {
      await this.#client.send("POST", "/subscriptions", this.#document());
      this.#note("the subscription had expired and was made again: events may be missing");
    } catch (error) {
      this.#note(`can't make the subscription again: ${(error as Error).message}`);
    }
  }

  #document(): SubscriptionInput {
    const expires = new Date(Date.now() + this.#leaseMs).toISOString();
    return { ...this.#input, id: this.id, expires };
  }

  get #path(): string {
    return `/subscriptions/${segment(this.id)}`;
  }
}
