/**
 * Topics and subscriptions in the service: made, checked, deleted. A subscription never expires, has no dead-letter
 * policy (retries and dead letters are the core's) and keeps the order of messages that have a key; the last can't be
 * changed later, and costs messages without a key nothing.
 */
import { type Start, type TopicSettings, TransportError } from "../../src/transport/port.ts";
import type { PubsubContext } from "./context.ts";
import { isAlreadyExists } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { isOurs, subscriptionName, topicName } from "./names.ts";
import type { SubscriberChannel } from "./sdk.ts";
import type { PubsubTopicOptions } from "./settings.ts";

/** What the service shows instead of a topic that was deleted. */
const DELETED_TOPIC = "_deleted-topic_";

/** What is read of a subscription. */
interface Subscription {
  readonly topic?: string | null;
  readonly enableMessageOrdering?: boolean | null;
  readonly detached?: boolean | null;
  readonly deadLetterPolicy?: { readonly deadLetterTopic?: string | null } | null;
  readonly pushConfig?: { readonly pushEndpoint?: string | null } | null;
}

export async function provisionTopic(context: PubsubContext, address: string, settings: TopicSettings): Promise<void> {
  if (!settings.provision) return requireTopic(context, address);
  const name = topicName(context.projectId, address);
  const { kmsKeyName, regions } = settings.options as PubsubTopicOptions;
  const topic = {
    name,
    ...(kmsKeyName === undefined ? {} : { kmsKeyName }),
    ...(regions === undefined ? {} : { messageStoragePolicy: { allowedPersistenceRegions: [...regions] } }),
  };
  try {
    await context.channels.publisher.call(`Creating the topic "${address}"`, (client, options) =>
      client.createTopic(topic, options),
    );
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    if (regions !== undefined) await updateRegions(context, address, regions);
  }
}

export async function requireTopic({ channels, projectId }: PubsubContext, address: string): Promise<void> {
  const topic = topicName(projectId, address);
  await channels.publisher.call(`Looking at the topic "${address}"`, (client, options) =>
    client.getTopic({ topic }, options),
  );
}

/** Subscriptions outlive their topic in the service, so those that a bus made go first. */
export async function deleteTopic(context: PubsubContext, address: string): Promise<void> {
  const { channels, projectId } = context;
  const topic = topicName(projectId, address);
  const what = `Deleting the topic "${address}"`;
  await unlessMissing(async () => {
    const names = await channels.publisher.call(what, (client, options) =>
      client.listTopicSubscriptions({ topic }, options),
    );
    for (const name of names) if (isOurs(projectId, name)) await deleteSubscription(context, name, what);
    await channels.publisher.call(what, (client, options) => client.deleteTopic({ topic }, options));
  });
}

export async function createGroup(
  context: PubsubContext,
  { address, group, start }: { readonly address: string; readonly group: string; readonly start: Start },
): Promise<void> {
  if (start.at !== "latest") {
    const message = `A group on Pub/Sub starts at "latest", not at "${start.at}": a subscription gets what is published after it`;
    throw new TransportError("invalid", message);
  }
  const settings = context.settingsOf(address);
  const subscription = subscriptionName(context.projectId, address, group);
  const what = `Creating the group "${group}" of the topic "${address}"`;
  if (settings.provision) {
    try {
      return await createSubscription(context, { subscription, address, settings, what });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
  const existing = await getSubscription(context.channels.subscriber, subscription, what);
  if (existing.topic === DELETED_TOPIC && settings.provision) {
    await deleteSubscription(context, subscription, what);
    return createSubscription(context, { subscription, address, settings, what });
  }
  refuseUnfit(existing, {
    subscription,
    topic: topicName(context.projectId, address),
    isKeyed: settings.key !== undefined,
  });
}

export async function deleteGroup(context: PubsubContext, address: string, group: string): Promise<void> {
  const what = `Deleting the group "${group}" of the topic "${address}"`;
  await deleteSubscription(context, subscriptionName(context.projectId, address, group), what);
}

/** Rejects with `not_found` also when the subscription is left over from a topic that was deleted. */
export async function requireSubscription(
  context: PubsubContext,
  channel: SubscriberChannel,
  address: string,
  group: string,
): Promise<void> {
  const what = `Looking at the group "${group}" of the topic "${address}"`;
  const { topic, detached } = await getSubscription(channel, subscriptionName(context.projectId, address, group), what);
  if (topic !== DELETED_TOPIC && detached !== true) return;
  throw new TransportError("not_found", `${what} failed: its topic was deleted, or it was detached from it`);
}

async function getSubscription(channel: SubscriberChannel, subscription: string, what: string): Promise<Subscription> {
  return channel.call(what, (client, options) => client.getSubscription({ subscription }, options));
}

interface NewSubscription {
  readonly subscription: string;
  readonly address: string;
  readonly settings: TopicSettings;
  readonly what: string;
}

async function createSubscription(
  { channels, projectId }: PubsubContext,
  { subscription, address, settings, what }: NewSubscription,
): Promise<void> {
  const { messageRetentionSeconds } = settings.options as PubsubTopicOptions;
  const request = {
    name: subscription,
    topic: topicName(projectId, address),
    ackDeadlineSeconds: LIMITS.firstLeaseSeconds,
    enableMessageOrdering: true,
    expirationPolicy: {}, // one without a time: never, where none at all would mean 31 days
    ...(messageRetentionSeconds === undefined
      ? {}
      : { messageRetentionDuration: { seconds: messageRetentionSeconds } }),
  };
  await channels.subscriber.call(what, (client, options) => client.createSubscription(request, options));
}

async function deleteSubscription({ channels }: PubsubContext, subscription: string, what: string): Promise<void> {
  await unlessMissing(() =>
    channels.subscriber.call(what, (client, options) => client.deleteSubscription({ subscription }, options)),
  );
}

async function updateRegions({ channels, projectId }: PubsubContext, address: string, regions: readonly string[]) {
  const topic = {
    name: topicName(projectId, address),
    messageStoragePolicy: { allowedPersistenceRegions: [...regions] },
  };
  const updateMask = { paths: ["message_storage_policy"] };
  await channels.publisher.call(`Updating the topic "${address}"`, (client, options) =>
    client.updateTopic({ topic, updateMask }, options),
  );
}

/** A subscription that somebody else made, or changed, so that events would be lost or come out of order. */
function refuseUnfit(
  existing: Subscription,
  {
    subscription,
    topic,
    isKeyed,
  }: { readonly subscription: string; readonly topic: string; readonly isKeyed: boolean },
): void {
  const { deadLetterPolicy, pushConfig, enableMessageOrdering } = existing;
  const refuse = (fault: string): never => {
    throw new TransportError("invalid", `The subscription ${subscription} ${fault}`);
  };
  if (existing.topic !== topic) refuse(`is one of ${existing.topic}, not of ${topic}; delete it`);
  if (deadLetterPolicy) refuse("has a dead-letter policy, which takes events from the bus; remove it");
  if (pushConfig?.pushEndpoint) refuse("pushes to an endpoint; make it a pull subscription");
  if (isKeyed && enableMessageOrdering !== true) {
    refuse("was made without message ordering, which can't be changed: delete it, or unset the topic's `key`");
  }
}

async function unlessMissing(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof TransportError && error.code === "not_found")) throw error;
  }
}
