/**
 * What became of a produce request. The records of one partition are stored or refused together, partitions of one
 * request independently of each other, and the client reports them as one error in which the good ones are hidden.
 */
import type { ProduceResult } from "@platformatic/kafka";

export type PartitionOutcome =
  | { readonly ok: true; readonly offset: bigint }
  | { readonly ok: false; readonly error: unknown };

interface ProduceError {
  readonly errors?: readonly unknown[];
  readonly produced?: ProduceResult;
  readonly response?: {
    readonly responses?: readonly { readonly partitionResponses: readonly PartitionResponse[] }[];
  };
}

interface PartitionResponse {
  readonly index: number;
  readonly errorCode: number;
  readonly baseOffset: bigint;
}

/** By partition. One that no answer speaks of has the fault of the request as a whole. */
export function outcomesOf(
  result: ProduceResult | undefined,
  error?: unknown,
): (partition: number) => PartitionOutcome {
  const outcomes = new Map<number, PartitionOutcome>();
  collectStored(result, outcomes);
  if (error !== undefined) collect(error, outcomes);
  return (partition) => outcomes.get(partition) ?? { ok: false, error };
}

function collect(error: unknown, outcomes: Map<number, PartitionOutcome>): void {
  if (typeof error !== "object" || error === null) return;
  const { errors = [], produced, response } = error as ProduceError;
  collectStored(produced, outcomes);
  if (response?.responses === undefined) {
    for (const inner of errors) collect(inner, outcomes);
    return;
  }
  for (const { partitionResponses } of response.responses) {
    for (const { index, errorCode, baseOffset } of partitionResponses) {
      const fault = errors.find((inner) => (inner as { apiCode?: number }).apiCode === errorCode);
      outcomes.set(index, errorCode === 0 ? { ok: true, offset: baseOffset } : { ok: false, error: fault ?? error });
    }
  }
}

function collectStored(result: ProduceResult | undefined, outcomes: Map<number, PartitionOutcome>): void {
  for (const { partition, offset } of result?.offsets ?? []) outcomes.set(partition, { ok: true, offset });
}
