/** Keeps one bus running on one data directory over many violent ends, and says where it is now. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Reply, type RequestOptions, send } from "../support/http.ts";
import { FailedStart, type Pulsebus, type StartOptions, startPulsebus } from "../support/pulsebus.ts";

const RETRY_MS = 20;

export class Supervisor {
  readonly #options: StartOptions & { readonly dataDir: string };
  #epoch = 0;
  #next = Promise.withResolvers<Pulsebus>();
  #isUp = false;

  constructor(options: StartOptions & { readonly dataDir: string }) {
    this.#options = options;
  }

  /** The number of the process that runs, or is being started. */
  get epoch(): number {
    return this.#epoch;
  }

  async start(): Promise<void> {
    this.#epoch += 1;
    this.#up(await startPulsebus(this.#options));
  }

  /** Starts a process and kills it after this time, whether it listens by then or not. */
  async startAndKill(afterMs: number): Promise<void> {
    this.#epoch += 1;
    try {
      const started = await startPulsebus({ ...this.#options, killSignal: AbortSignal.timeout(afterMs) });
      this.#up(started);
      await started.exited;
      this.#down();
    } catch (error) {
      if (!(error instanceof FailedStart) || error.exit.signal !== "SIGKILL") throw error;
    }
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const pulsebus = await this.current;
    this.#down();
    const exit = await pulsebus.stop(signal);
    if (signal === "SIGTERM" && exit.code !== 0) throw new Error(`ended with ${JSON.stringify(exit)}`);
  }

  /** Leaves nothing running. */
  async close(): Promise<void> {
    if (this.#isUp) await this.stop("SIGKILL");
  }

  /** The running process; waits for one. */
  get current(): Promise<Pulsebus> {
    return this.#next.promise;
  }

  /** Makes a management call until it is answered with one of these statuses, over as many crashes as it takes. */
  async call(method: string, path: string, body: unknown, accept: readonly number[]): Promise<Reply> {
    const json = { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const options: RequestOptions = { method, ...(body === undefined ? {} : json) };
    for (;;) {
      const { url } = await this.current;
      const reply = await send(url + path, options).catch(() => undefined);
      if (reply !== undefined && accept.includes(reply.status)) return reply;
      if (reply !== undefined && reply.status !== 503) {
        throw new Error(`${method} ${path} answered ${reply.status}: ${reply.body}`);
      }
      await sleep(RETRY_MS);
    }
  }

  #up(pulsebus: Pulsebus): void {
    this.#isUp = true;
    this.#next.resolve(pulsebus);
  }

  /** Who waits for a process goes on waiting for the next one. */
  #down(): void {
    if (this.#isUp) this.#next = Promise.withResolvers();
    this.#isUp = false;
  }
}
