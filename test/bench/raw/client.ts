/** A broker's own client, used as its documentation says and for nothing but speed: what a bus can at best reach there. */
import type { CarriedEvent, CarriedEvents } from "../harness/carried-event.ts";

export interface RawClient {
  /** A place for events, as durable as what the adapter makes. One reader at least has to be attached to it. */
  create(address: string): Promise<void>;
  /** What is published from now on waits for this reader. */
  attach(address: string, reader: string): Promise<void>;
  /** Publishes the events 0 to `count` - 1 in their order; resolves when the broker has confirmed all of them. */
  publish(address: string, events: CarriedEvents, count: number): Promise<void>;
  /** Hands out one message after the other and acks it, until no more is wanted or the signal is aborted. */
  consume(address: string, reader: string, receiver: Receiver, signal: AbortSignal): Promise<void>;
  /** With everything that was attached to it; does nothing when it is not there. */
  remove(address: string): Promise<void>;
  close(): Promise<void>;
}

export interface Receiver {
  /** The reader is about to ask for the first message: a group that is joined slowly is not a slow client. */
  opened(): void;
  /** Whether more is wanted. What the message says is read on demand: a raw rate does not pay for it. */
  take(read: () => CarriedEvent): boolean;
}

/** Events that a client has sent and the broker has not confirmed: enough to keep it busy, 1 MiB of them. */
export const PIPELINE_EVENTS = 1_024;

/** Sends 0 to `count` - 1, at most `PIPELINE_EVENTS` at once. `send` calls back once it was confirmed. */
export function pipeline(count: number, send: (index: number, done: (error?: unknown) => void) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let sent = 0;
  let confirmed = 0;
  const done = (error?: unknown): void => {
    if (error !== undefined && error !== null) reject(error);
    confirmed += 1;
    if (confirmed === count) resolve();
    else fill();
  };
  const fill = (): void => {
    while (sent < count && sent - confirmed < PIPELINE_EVENTS) {
      sent += 1;
      send(sent - 1, done);
    }
  };
  fill();
  return promise;
}

/** Resolves when `stop` is called or the signal is aborted. */
export function untilStopped(signal: AbortSignal): { readonly stop: () => void; readonly stopped: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return { stop: resolve, stopped: promise };
}
