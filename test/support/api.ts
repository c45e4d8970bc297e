/** The management API of a running bus, in the words of a test. */
import { randomUUID } from "node:crypto";
import type { DeliveryResource, SubscriptionResource } from "../../src/cli/resources.ts";
import type { SubscriptionInput } from "../../src/subscription/subscription.ts";
import { eventually } from "./eventually.ts";
import { call } from "./http.ts";

/** A name that no other test uses. */
export function unique(word: string): string {
  return `${word}-${randomUUID().slice(0, 8)}`;
}

/** Retries soon and evenly, so that tests wait for nothing. */
export const QUICK_RETRY = { backoff: { initial: "10ms", factor: 1, max: "10ms", jitter: "none" } } as const;

export async function subscribe(url: string, input: SubscriptionInput): Promise<string> {
  const { id } = await call<SubscriptionResource>(url, "POST", "/subscriptions", input);
  return id;
}

export function showSubscription(url: string, id: string): Promise<SubscriptionResource> {
  return call(url, "GET", `/subscriptions/${id}`);
}

export async function deadLetters(url: string, id: string): Promise<readonly DeliveryResource[]> {
  const { items } = await call<{ items: DeliveryResource[] }>(url, "GET", `/subscriptions/${id}/dead-letters`);
  return items;
}

/** Waits until a subscription's status has these values. */
export function statusBecomes(
  url: string,
  id: string,
  wanted: Partial<SubscriptionResource["status"]>,
  withinMs?: number,
): Promise<SubscriptionResource["status"]> {
  return eventually(async () => {
    const { status } = await showSubscription(url, id);
    for (const [name, value] of Object.entries(wanted)) {
      const actual = status[name as keyof typeof status];
      if (actual !== value) throw new Error(`${name} is ${actual}, not ${value}: ${JSON.stringify(status)}`);
    }
    return status;
  }, withinMs);
}
