/** Requests about topics and groups, bounded in time. */
import { Admin, type BaseOptions } from "@platformatic/kafka";
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import { TransportError } from "../../src/transport/port.ts";
import { closedError, isMoving, toTransportError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { within } from "./within.ts";

export class AdminClient {
  readonly #options: BaseOptions;
  readonly #clock: Clock;
  #admin: Admin | undefined;
  #isClosed = false;

  constructor(options: BaseOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /**
   * Repeats the request while a partition, a group or the cluster is about to be led by another broker, as it is just
   * after a start.
   * Rejects with `TransportError`; `what` is its subject.
   */
  async call<T>(what: string, request: (admin: Admin) => Promise<T>): Promise<T> {
    const deadline = this.#clock.now() + LIMITS.requestMs;
    for (;;) {
      if (this.#isClosed) throw closedError();
      const admin = this.#open();
      try {
        return await within(this.#clock, deadline - this.#clock.now(), request(admin), what);
      } catch (error) {
        if (error instanceof TransportError && error.code === "timeout") await this.#drop(admin);
        if (!isMoving(error) || this.#clock.now() + LIMITS.retryMs > deadline) throw toTransportError(error, what);
      }
      await sleep(this.#clock, LIMITS.retryMs);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#admin !== undefined) await this.#drop(this.#admin);
  }

  #open(): Admin {
    if (this.#admin === undefined) {
      this.#admin = new Admin({ ...this.#options });
      this.#admin.on("error", () => {}); // each request tells its own
    }
    return this.#admin;
  }

  async #drop(admin: Admin): Promise<void> {
    if (this.#admin === admin) this.#admin = undefined;
    await admin.close().catch(() => {});
  }
}
