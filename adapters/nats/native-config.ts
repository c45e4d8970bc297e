/** The configurations of streams and durable consumers, as the server's API takes them. */
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { Start } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";
import { generationOf, requireSequence } from "./position.ts";
import type { Topic } from "./settings.ts";

/** The description of what Pulsebus has created, and may change and delete. */
export const MANAGED = "Managed by Pulsebus";

export type StreamInput = Pick<
  StreamConfig,
  | ("name" | "description" | "subjects" | "storage" | "num_replicas" | "max_age" | "max_bytes" | "discard")
  | "duplicate_window"
>;

export function streamConfig(name: string, address: string, { options, dedupe }: Topic): StreamInput {
  const maxAgeMs = options.maxAgeSeconds * 1_000;
  return {
    name,
    description: MANAGED,
    subjects: [address],
    storage: options.storage === "file" ? StorageType.File : StorageType.Memory,
    num_replicas: options.replicas,
    max_age: nanos(maxAgeMs),
    max_bytes: options.maxBytes,
    discard: options.discard === "new" ? DiscardPolicy.New : DiscardPolicy.Old,
    // A server refuses a window that is longer than the events live.
    duplicate_window: nanos(
      dedupe?.windowMs ?? Math.min(LIMITS.duplicateWindowMs, maxAgeMs || LIMITS.duplicateWindowMs),
    ),
  };
}

/** Why a stream that is not ours to change does not do what `dedupe` says. */
export function windowFault({ name, duplicate_window }: StreamConfig, { dedupe }: Topic): string | undefined {
  if (dedupe === undefined || duplicate_window >= nanos(dedupe.windowMs)) return undefined;
  return `The stream "${name}" forgets duplicates before dedupe.window: set its duplicate_window to ${dedupe.windowMs}ms`;
}

/** No bound on redelivery or on what is unsettled: both are the core's to decide. */
export function consumerConfig(durable: string, address: string, { options }: Topic): Partial<ConsumerConfig> {
  return {
    durable_name: durable,
    description: MANAGED,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(options.ackWaitSeconds * 1_000),
    max_deliver: -1,
    max_ack_pending: -1,
    filter_subject: address,
  };
}

/** `latest` becomes a sequence, so that it is known later which events were before the group. */
export function startOf(start: Start, stream: StreamInfo): Partial<ConsumerConfig> {
  const from = (sequence: number): Partial<ConsumerConfig> => ({
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: sequence,
  });
  switch (start.at) {
    case "earliest":
      return { deliver_policy: DeliverPolicy.All };
    case "latest":
      return from(stream.state.last_seq + 1);
    case "time":
      return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: start.time.toISOString() };
    case "position":
      return from(requireSequence(start.position, generationOf(stream.created)));
  }
}

export function consumerFault(config: ConsumerConfig, address: string): string | undefined {
  if (config.deliver_subject !== undefined) return "pushes its messages; Pulsebus needs one that is pulled from";
  if (config.ack_policy !== AckPolicy.Explicit) return `has the ack policy ${config.ack_policy}; it must be explicit`;
  const filters = config.filter_subjects ?? (config.filter_subject === undefined ? [] : [config.filter_subject]);
  if (filters.length === 0 || filters.includes(address)) return undefined;
  return `is for ${filters.join(", ")} and not for "${address}"`;
}
