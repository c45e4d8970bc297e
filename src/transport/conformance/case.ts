/**
 * The conformance suite: what every transport must do, as plain functions that throw assertion errors. Tests and the
 * command line run the same list against the real thing. Ids are stable; each names one behaviour and no other.
 *
 * A case with a gate needs a capability. Where it is declared false the case proves the refusal instead, so that
 * claiming too much and claiming too little both fail.
 */
import type { Capabilities, TopicSettings, Transport } from "../port.ts";

/**
 * What happens to the connections of a transport. `cut`: they break, new ones are refused. `stall`: nothing passes.
 * `halfOpen`: what is sent is lost, and nobody is told. A harness which can only do one of them does that.
 */
export type Outage = "cut" | "stall" | "halfOpen";

/** A transport that the case closes; `dispose` then frees what is left of it. */
interface OtherTransport {
  readonly transport: Transport;
  dispose(): Promise<void>;
}

/** The transport under test, and what a case may do to the world around it. */
export interface Harness {
  /** The one that is open now: `restart` replaces it. */
  readonly transport: Transport;
  /** Creates a native topic that nobody else uses, and answers its address. */
  address(): Promise<string>;
  /** A name that was never used, for an address or a group. */
  name(): string;
  /** What `address` provisions topics with. */
  readonly settings: TopicSettings;
  /** How long to look for events that must not come, in milliseconds; depends on how the transport redelivers. */
  readonly quietMs: number;
  /** What must never appear in an error's message. */
  readonly secrets: readonly string[];
  /** One more transport of the same kind. */
  open(): Promise<OtherTransport>;
  /**
   * One more transport of the same bus on the same native topics, as another process would open it. Absent where only
   * one process can.
   */
  readonly attach?: (() => Promise<OtherTransport>) | undefined;
  /** Ends the transport, and for a broker the broker too, and starts it again. */
  restart(): Promise<void>;
  /** Makes the transport unusable until the answer is called. Absent where that can't be done. */
  readonly outage?: (kind: Outage) => Promise<() => Promise<void>>;
  /** Stores a native message as it is, with a content type or none. Absent where the transport holds only events. */
  readonly publishForeign?: (address: string, bytes: Buffer, contentType?: string) => Promise<void>;
  /** What a restart keeps of the acks: each (the default), or one offset, after which settled events are repeated. */
  readonly keepsAcks?: "each" | "offset";
  /** After this the broker hands an unsettled event out again when nobody extends its lease, ms. Absent: never. */
  readonly leaseMs?: number;
  /** Events of a large backlog: less than `BACKLOG` where the server of the tests is slow. */
  readonly backlog?: number;
}

export interface ConformanceCase {
  readonly id: string;
  /** A sentence: what is proven. */
  readonly title: string;
  /** What must be declared for `run`; else `refusal` is run where there is one. */
  readonly gate?: (capabilities: Capabilities) => boolean;
  /** What the harness must be able to do. */
  readonly needs?: (harness: Harness) => boolean;
  run(harness: Harness): Promise<void>;
  refusal?(harness: Harness): Promise<void>;
}

/** `refused`: the capability is declared false, and that is how the transport behaves. */
export type CaseOutcome = "passed" | "refused" | "skipped";

/** Rejects with an `AssertionError` when the transport does not behave. */
export async function runCase(conformanceCase: ConformanceCase, harness: Harness): Promise<CaseOutcome> {
  const { gate, needs, refusal } = conformanceCase;
  if (needs !== undefined && !needs(harness)) return "skipped";
  if (gate === undefined || gate(harness.transport.capabilities)) {
    await conformanceCase.run(harness);
    return "passed";
  }
  if (refusal === undefined) return "skipped";
  await conformanceCase.refusal?.(harness);
  return "refused";
}
