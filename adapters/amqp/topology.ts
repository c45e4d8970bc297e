/** What is declared on the broker: an exchange for a topic, a queue for a group, bound to get everything. */
import type { Channel, ChannelModel, Options } from "amqplib";
import { TransportError } from "../../src/transport/port.ts";
import type { TopicOptions } from "./topics.ts";

export async function declareExchange(channel: Channel, exchange: string, options: TopicOptions): Promise<void> {
  await explained(`exchange "${exchange}"`, channel.assertExchange(exchange, options.exchangeType, { durable: true }));
}

/** Existing groups keep their messages: the same declaration again changes nothing, and another one is refused. */
export async function declareQueue(
  channel: Channel,
  queue: string,
  exchange: string,
  { exchangeType, queueArguments }: TopicOptions,
): Promise<void> {
  await channel.checkExchange(exchange); // before there is a queue that nothing is bound to
  const options: Options.AssertQueue = { durable: true, arguments: { ...queueArguments, ...QUEUE_ARGUMENTS } };
  await explained(`queue "${queue}"`, channel.assertQueue(queue, options));
  await channel.bindQueue(queue, exchange, exchangeType === "topic" ? "#" : "");
}

/**
 * Replicated and safe on disk before the confirm; one consumer at a time. What is returned keeps its place only in a queue
 * that has a limit of returns; without one it goes behind all others (seen on 3.10). So there is one that nothing reaches.
 */
const QUEUE_ARGUMENTS = {
  "x-queue-type": "quorum",
  "x-single-active-consumer": true,
  "x-delivery-limit": Number.MAX_SAFE_INTEGER,
} as const;

/** A queue or exchange never changes: RabbitMQ refuses another declaration with 406 and says which argument differs. */
async function explained(what: string, declaring: Promise<unknown>): Promise<void> {
  try {
    await declaring;
  } catch (error) {
    if (!(error instanceof Error) || (error as { code?: unknown }).code !== 406) throw error;
    const difference = /inequivalent arg [^"]*/.exec(error.message)?.[0] ?? error.message;
    throw new TransportError(
      "invalid",
      `The ${what} exists with other settings (${difference}): they can't be changed, so delete it when it is empty, or set provision: false to use it as it is`,
      { cause: error },
    );
  }
}

/** The identity of an exchange in the world: cluster, vhost and name. */
export function placeOf(model: ChannelModel, vhost: string, exchange: string): string {
  const cluster = model.connection.serverProperties.cluster_name ?? "unnamed";
  return `rabbitmq:${[cluster, vhost, exchange].map(encodeURIComponent).join("/")}`;
}
