/** What crosses between the store and its operations in the threads of the database. */
import type { DeadLetterReason, DeliveryFilter, DeliveryState } from "../port.ts";

/** An event in the buffer of its payload. Without an identity it is a malformed message. */
export interface PackedEvent {
  readonly start: number;
  readonly end: number;
  readonly identity: { readonly id: string; readonly source: string; readonly type: string } | undefined;
}

/** The JSON of an `AttemptRecord`. */
export interface PackedAttempt {
  readonly json: string;
  readonly interrupted: boolean;
}

export interface ParkedRow extends DeliveryState {
  readonly event: PackedEvent;
  readonly attempt: PackedAttempt | undefined;
  readonly dueAt: number;
  readonly scheduled: boolean;
  readonly uncleanStops: number;
}

export interface RescheduledRow extends DeliveryState {
  readonly attempt: PackedAttempt | undefined;
  readonly dueAt: number;
}

export interface DeadRow extends DeliveryState {
  readonly event: PackedEvent | undefined;
  readonly attempt: PackedAttempt | undefined;
  readonly reason: DeadLetterReason;
  readonly detail: string;
  readonly diedAt: number;
  readonly blocks: boolean;
  readonly forwardDueAt: number | undefined;
}

export interface RowsPayload<Row> {
  readonly rows: readonly Row[];
  readonly events: ArrayBuffer;
}

/** A row as it is selected; its event lies in the buffer of its answer. */
export interface SelectedRow {
  readonly seq: number;
  readonly id: string;
  readonly subscription: string;
  readonly position: string;
  readonly state: "parked" | "dead";
  readonly key: string | null;
  readonly scheduled: 0 | 1;
  readonly uncleanStops: number;
  readonly attempts: number;
  readonly firstAttemptAt: number | null;
  readonly lastAttemptAt: number | null;
  readonly dueAt: number | null;
  readonly reason: DeadLetterReason | null;
  readonly detail: string | null;
  readonly diedAt: number | null;
  readonly forwardedAt: number | null;
  readonly malformed: 0 | 1;
  readonly lastN: number | null;
  /** JSON of an `AttemptRecord`. */
  readonly lastAttempt: string | null;
}

/** Rows with their events side by side in `events`; `ends[i]` is where the i-th one ends. */
export interface RowsAnswer {
  readonly rows: readonly SelectedRow[];
  readonly events: ArrayBuffer;
  readonly ends: readonly number[];
  /** Where rows were left out, for want of room in the page. */
  readonly more: boolean;
}

export interface RowsWithHistoryAnswer extends RowsAnswer {
  /** By the index of the row: JSON of `AttemptRecord`s. */
  readonly histories: readonly (readonly string[])[];
}

export interface LeasePayload {
  readonly subscription: string;
  readonly state: "parked" | "dead";
  readonly now: number;
  readonly limit: number;
  /** `seq` of the rows that are leased now. */
  readonly held: Float64Array;
}

export interface LeaseAnswer extends RowsAnswer {
  readonly nextDueAt: number | undefined;
}

export interface ListPayload {
  readonly subscription: string;
  readonly state: "parked" | "dead";
  readonly filter: DeliveryFilter;
  /** Only rows with a lower `seq`. */
  readonly before: number;
  readonly limit: number;
}

export interface DeadPayload {
  readonly subscription: string;
  readonly filter: DeliveryFilter;
  readonly diedBefore: number;
  /** Whether malformed messages count. */
  readonly malformed: boolean;
  readonly limit: number;
}

/** Dead letters by id; each is moved or deleted only when it died before `diedBefore`. */
export interface DeadIdsPayload {
  readonly subscription: string;
  readonly ids: readonly string[];
  readonly diedBefore: number;
  readonly now: number;
}

export interface UnblockPayload {
  readonly subscription: string;
  readonly now: number;
}

export interface CompletePayload {
  readonly ids: readonly string[];
  readonly now: number;
}

export interface ForwardedPayload {
  readonly id: string;
  readonly forwardedAt: number | undefined;
  readonly dueAt: number | undefined;
}
