/**
 * The loop that pulls one subscription.
 *
 * stopped: nobody wants anything. Begins and ends like this; `start` runs it.
 * pulling: one request at a time, for as much as there is room. When there is no room it waits for `wake`.
 * waiting: the service can't be reached; it tries again, endlessly, and says why in `fault`.
 *
 * A pull that ends with nothing tells little: the subscription may be idle, or the connection dead, or the topic gone
 * (a subscription outlives it and stays silent). After each `pullTimeoutMs` of silence the subscription is looked at.
 */
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import { TransportError } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";

export interface PullerOptions<Message> {
  readonly clock: Clock;
  /** How many messages there is room for. */
  room(): number;
  /** Answers nothing when its time is over, or rejects with a `TransportError`. */
  pull(max: number, signal: AbortSignal): Promise<readonly Message[]>;
  /** `sentAt` is when the pull was sent, on the monotonic clock. */
  received(messages: readonly Message[], sentAt: number): void;
  /** Rejects when the subscription is not what it should be. */
  probe(): Promise<void>;
  /** The loop has ended with what waiting does not cure. */
  failed(error: TransportError): void;
}

const INCURABLE = new Set(["not_found", "permission_denied"]);

export class Puller<Message> {
  readonly #options: PullerOptions<Message>;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #heardAt = 0;
  #fault: TransportError | undefined;

  constructor(options: PullerOptions<Message>) {
    this.#options = options;
  }

  /** Why nothing can be pulled now. */
  get fault(): TransportError | undefined {
    return this.#fault;
  }

  start(): void {
    if (this.#closing.signal.aborted) return;
    this.#running ??= this.#run();
  }

  /** There is room again. */
  wake(): void {
    this.#wake?.();
  }

  /**
   * Call when there is room for nothing any more. gRPC sends a request that is cancelled in the turn it was begun in
   * all the same, and the service would lease events to nobody: so the cancel comes a turn later.
   */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#options.clock.soon(resolve));
    this.#closing.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, failed } = this.#options;
    const { signal } = this.#closing;
    this.#heardAt = clock.monotonic();
    while (!signal.aborted) {
      try {
        await this.#step(signal);
        this.#fault = undefined;
      } catch (error) {
        if (signal.aborted) return;
        this.#fault =
          error instanceof TransportError ? error : new TransportError("unknown", "Pulling failed", { cause: error });
        if (INCURABLE.has(this.#fault.code)) {
          this.#running = undefined; // whoever is told may start it again at once
          return failed(this.#fault);
        }
        await sleep(clock, LIMITS.retryMs, signal);
      }
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { clock, room, pull, received, probe } = this.#options;
    const max = room();
    if (max === 0) return this.#woken();
    const sentAt = clock.monotonic();
    const messages = await pull(max, signal);
    if (messages.length > 0) {
      this.#heardAt = clock.monotonic();
      received(messages, sentAt);
    } else if (clock.monotonic() - this.#heardAt >= LIMITS.pullTimeoutMs) {
      await probe();
      this.#heardAt = clock.monotonic();
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
