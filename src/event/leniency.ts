/**
 * Reading is tolerant where the field is sloppy and strict where a guess would change the event. Each thing that is
 * tolerated has a name here, is counted under it, and is refused where a topic says `strict`.
 */
import { PulsebusError } from "../errors.ts";

/** What reading tolerates; the label of a metric, so the list is closed. */
export type Leniency =
  /** A `%` that starts no percent-encoding, as senders without encoding write it: kept as it is. */
  | "bare-percent"
  /** UTF-8 in a header value that should be percent-encoded. */
  | "raw-utf8"
  /** A space or a double quote in a header value that should be percent-encoded. */
  | "unencoded-character"
  /** `datacontenttype` as an attribute where the binding has another place for it, or the other way round. */
  | "misplaced-datacontenttype"
  /** An attribute prefix that peers are known to use although the binding names another one. */
  | "foreign-prefix"
  /** Attributes under two prefixes in one message. */
  | "mixed-prefixes"
  /** A JSON event that starts with a byte order mark. */
  | "byte-order-mark"
  /** `data` that is no JSON string although `datacontenttype` is not JSON. */
  | "json-data-of-other-type"
  /** CloudEvents 0.3, normalized to 1.0. */
  | "specversion-0.3";

export interface DecodeOptions {
  /** Refuse what is normally tolerated. */
  readonly strict: boolean;
  /** Told of each leniency that an event needed. */
  leniency(name: Leniency): void;
}

/** For readers whose leniencies nobody counts. */
export function uncounted(): void {}

/** Counts a leniency, or refuses the event with the problem where reading is strict. */
export function tolerate(options: DecodeOptions, name: Leniency, at: string, problem: string): void {
  if (options.strict) refuse(at, problem);
  options.leniency(name);
}

/** Refuses an event for one of its attributes or its data; `problem` continues the sentence "attribute X ...". */
export function refuse(at: string, problem: string): never {
  const subject = at === "data" || at === "data_base64" ? at : `attribute ${JSON.stringify(at)}`;
  throw new PulsebusError("invalid-event", `${subject} ${problem}`, { at });
}

/** Refuses an event whose document as a whole can't be read. */
export function refuseDocument(problem: string): never {
  throw new PulsebusError("invalid-event", problem);
}
