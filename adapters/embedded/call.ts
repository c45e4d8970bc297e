/** One call of `publish` while its events wait for their commit: it is answered once, by whatever comes first. */
import type { Event } from "../../src/event/event.ts";
import { attributeOf } from "../../src/event/event.ts";
import type { Position, PublishResult } from "../../src/transport/port.ts";
import { refusals } from "./faults.ts";
import { formatPosition } from "./position.ts";

type Results = readonly PublishResult[];

/** The position is spelled out only when somebody asks for it. */
class Stored {
  readonly ok = true;
  readonly #generation: number;
  readonly #number: number;

  constructor(generation: number, number: number) {
    this.#generation = generation;
    this.#number = number;
  }

  get position(): Position {
    return formatPosition(this.#generation, this.#number);
  }
}

/** Stored before: the position is the one that it has had since. */
class Duplicate extends Stored {
  readonly duplicate = true;
}

/** What became of the accepted events of a batch, by index over all its calls. */
export type Outcomes = (index: number) => PublishResult;

/** All are stored, with numbers from `first` on. */
export function allStored(generation: number, first: number): Outcomes {
  return (index) => new Stored(generation, first + index);
}

/** All but the duplicates, which are in the order of the events, are stored with numbers from `first` on. */
export function someStored(
  { generation, first, count }: { readonly generation: number; readonly first: number; readonly count: number },
  duplicates: Iterable<{ readonly index: number; readonly number: number }>,
): Outcomes {
  const originals = new Map(Array.from(duplicates, ({ index, number }) => [index, number]));
  let next = first;
  const results = Array.from({ length: count }, (_, index) => {
    const original = originals.get(index);
    return original === undefined ? new Stored(generation, next++) : new Duplicate(generation, original);
  });
  return (index) => results[index] as PublishResult;
}

export class Call {
  readonly deadline: number;
  readonly #events: readonly Event[];
  #resolve: ((results: Results) => void) | undefined;
  /** By index; undefined while nothing was refused. */
  #refused: (PublishResult | undefined)[] | undefined;
  #failedKeys: Set<string> | undefined;
  accepted = 0;

  constructor(events: readonly Event[], deadline: number, resolve: (results: Results) => void) {
    this.#events = events;
    this.deadline = deadline;
    this.#resolve = resolve;
  }

  get hasRefusals(): boolean {
    return this.#refused !== undefined;
  }

  /**
   * Whether the event can't be stored: it is too large or no text, or an earlier one of its partition key in this call
   * was refused, so that storing it would break the order of the key.
   */
  refuses(index: number, event: Event, maxBytes: number): boolean {
    const key = attributeOf(event, "partitionkey");
    const fault = faultOf(event, maxBytes);
    if (fault !== undefined && key !== undefined) this.#failedKeys = (this.#failedKeys ?? new Set()).add(key);
    const isBehindFailed = key !== undefined && this.#failedKeys?.has(key);
    const refusal = fault ?? (isBehindFailed ? refusals.aborted(key) : undefined);
    if (refusal !== undefined) this.#refuse(index, refusal);
    return refusal !== undefined;
  }

  /** Its accepted events are those from index `start` on. */
  stored(outcomes: Outcomes, start: number): void {
    let index = start;
    this.#answer(() => outcomes(index++));
  }

  failed(result: PublishResult): void {
    this.#answer(() => result);
  }

  #refuse(index: number, result: PublishResult): void {
    this.#refused ??= [];
    this.#refused[index] = result;
  }

  #answer(result: () => PublishResult): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    const results: PublishResult[] = [];
    for (let index = 0; index < this.#events.length; index += 1) results.push(this.#refused?.[index] ?? result());
    resolve(results);
  }
}

/** Whether UTF-8 can carry the attributes. */
export function isText({ attributes }: Event): boolean {
  for (const { value } of attributes) if (!value.isWellFormed()) return false;
  return true;
}

function faultOf(event: Event, maxBytes: number): PublishResult | undefined {
  const bytes = wireBytes(event);
  if (bytes > maxBytes) return refusals.tooLarge(bytes, maxBytes);
  return isText(event) ? undefined : refusals.noText();
}

/** What the event measures on a wire, the least of all bindings. */
function wireBytes({ attributes, data, structured }: Event): number {
  if (structured !== undefined) return structured.length;
  let bytes = data?.bytes.length ?? 0;
  for (const { name, value } of attributes) bytes += name.length + Buffer.byteLength(value);
  return bytes;
}
