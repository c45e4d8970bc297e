/** From what a fetch answers to the records that a reader sees: markers and aborted transactions left out. */
import { type Consumer, IS_CONTROL, IS_TRANSACTIONAL, type RecordsBatch } from "@platformatic/kafka";

/** The bit of a batch whose timestamps are the broker's (`message.timestamp.type=LogAppendTime`). */
const IS_LOG_APPEND_TIME = 8;

export type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;
type PartitionResponse = FetchResponse["responses"][number]["partitions"][number];

export interface StoredRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly storedAt: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: Buffer | null, value: Buffer | null])[];
}

export interface PartitionPage {
  readonly partition: number;
  readonly records: readonly StoredRecord[];
  /** Where to go on. */
  readonly next: bigint;
  /** The protocol's code; 0 is none. */
  readonly errorCode: number;
}

/** `from` is the offset that was asked for: batches come whole, so they may begin before it. */
export function pageOf(answer: PartitionResponse, from: bigint): PartitionPage {
  const { partitionIndex: partition, errorCode } = answer;
  const aborted = new AbortedTransactions(answer);
  const records: StoredRecord[] = [];
  let next = from;
  for (const batch of answer.records ?? []) {
    const end = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    if (!aborted.includes(batch)) {
      for (const record of batch.records) {
        const offset = batch.firstOffset + BigInt(record.offsetDelta);
        if (offset < from) continue;
        const { key, value, headers } = record;
        records.push({ partition, offset, storedAt: timeOf(batch, record.timestampDelta), key, value, headers });
      }
    }
    if (end > next) next = end;
  }
  return { partition, records, next, errorCode };
}

function timeOf(batch: RecordsBatch, delta: bigint): number {
  return Number((batch.attributes & IS_LOG_APPEND_TIME) === 0 ? batch.firstTimestamp + delta : batch.maxTimestamp);
}

/**
 * Which batches of an answer nobody is to see: markers, and those of transactions that were aborted. The broker lists
 * where each of those begins; it ends at its producer's next marker, which may be in a later answer.
 */
class AbortedTransactions {
  readonly #open: { readonly producerId: bigint; readonly firstOffset: bigint }[];

  constructor({ abortedTransactions }: PartitionResponse) {
    this.#open = [...(abortedTransactions ?? [])];
  }

  includes(batch: RecordsBatch): boolean {
    const isInside = ({ producerId, firstOffset }: { producerId: bigint; firstOffset: bigint }) =>
      producerId === batch.producerId && firstOffset <= batch.firstOffset;
    if ((batch.attributes & IS_CONTROL) === 0) {
      return (batch.attributes & IS_TRANSACTIONAL) !== 0 && this.#open.some(isInside);
    }
    const ended = this.#open.findIndex(isInside);
    if (ended !== -1) this.#open.splice(ended, 1);
    return true;
  }
}
