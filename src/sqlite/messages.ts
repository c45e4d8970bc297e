/** What crosses between the main thread and the two database threads. */
import type { Fault } from "./fault.ts";

export interface ThreadData {
  readonly directory: string;
  /** Addresses of the operations modules. */
  readonly modules: readonly string[];
}

/** The first message of a thread: it has opened the file, or it can't. */
export type Started = { readonly started: true } | { readonly started: false; readonly fault: Fault };

/** Asks a thread to close the file and to end. */
export const CLOSE = "close";

/** The operations of one commit, in the order of the calls. */
export interface Group {
  readonly operations: readonly string[];
  readonly payloads: readonly unknown[];
}

export interface GroupAnswer {
  /** By index; what stands beside a fault means nothing. */
  readonly results: readonly unknown[];
  /** By index; absent when every operation is committed. */
  readonly faults: readonly (Fault | undefined)[] | undefined;
  /** Whether the group had to be rolled back. */
  readonly rolledBack: boolean;
}

export interface ReadRequest {
  readonly id: number;
  readonly operation: string;
  readonly payload: unknown;
}

export interface ReadAnswer {
  readonly id: number;
  readonly result: unknown;
  readonly fault: Fault | undefined;
}
