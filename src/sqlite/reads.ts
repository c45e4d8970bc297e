/** The calls that wait for the reader thread, on the main thread. The thread answers in the order of the calls. */
import { PulsebusError } from "../errors.ts";
import { fromFault } from "./fault.ts";
import type { ReadAnswer, ReadRequest } from "./messages.ts";

/** The reader thread, as far as its callers need it. */
export interface ReadSender {
  readonly isUp: boolean;
  send(request: ReadRequest, transfer: readonly ArrayBuffer[]): void;
}

interface Call {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

export class Reads {
  #sender: ReadSender | undefined;
  readonly #calls = new Map<number, Call>();
  #nextId = 0;
  #closed = false;
  #drained: (() => void) | undefined;

  attach(sender: ReadSender): void {
    this.#sender = sender;
  }

  read<Result>(operation: string, payload: unknown): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(unavailable("The database is closed."));
      if (!this.#sender?.isUp) return reject(unavailable("The database's reader thread is being started again."));
      const id = this.#nextId++;
      try {
        this.#sender.send({ id, operation, payload }, []);
        this.#calls.set(id, { resolve, reject });
      } catch (cause) {
        reject(new PulsebusError("internal", `The payload of ${operation} can't be handed to the reader.`, { cause }));
      }
    });
  }

  answered({ id, result, fault }: ReadAnswer): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (fault === undefined) call?.resolve(result as never);
    else call?.reject(fromFault(fault));
    this.#checkDrained();
  }

  readerDown(): void {
    for (const call of this.#calls.values()) {
      call.reject(unavailable("The database's reader thread ended unexpectedly."));
    }
    this.#calls.clear();
    this.#checkDrained();
  }

  /** Refuses new calls; resolves when all earlier ones are answered. */
  close(): Promise<void> {
    this.#closed = true;
    return new Promise((resolve) => {
      this.#drained = resolve;
      this.#checkDrained();
    });
  }

  #checkDrained(): void {
    if (this.#calls.size === 0) this.#drained?.();
  }
}

function unavailable(message: string): PulsebusError {
  return new PulsebusError("unavailable", message);
}
