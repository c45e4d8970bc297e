/**
 * One connection to the broker, kept up for ever. AMQP has none that outlives its socket: with the connection go its
 * channels, consumers and everything unsettled, and whoever had them opens new ones on the next connection.
 *
 *   connecting ── open ──▶ up ── closed, heartbeat missed ──▶ connecting ── ... (after a pause, at the next server)
 *
 * A transport has two: RabbitMQ stops reading from a connection that publishes while a resource alarm is on, and acks
 * must get through all the same.
 */
import { type ChannelModel, connect } from "amqplib";
import { type Clock, sleep } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import { TransportError } from "../../src/transport/port.ts";
import { blockedError, closedError, toTransportError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { type AmqpSettings, dialOptions, type Server } from "./settings.ts";

export interface LinkOptions {
  /** Shown in the broker's list of connections, and in the log. */
  readonly name: string;
  readonly servers: readonly Server[];
  readonly settings: AmqpSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #closed = new AbortController();
  #up: ChannelModel | undefined;
  #next = pending();
  #error: TransportError | undefined;
  #blocked: string | undefined;
  #downSince: number;
  #hurry = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#downSince = options.clock.now();
  }

  /** Begins to connect; for a link that is needed. May be called again. */
  start(): void {
    if (this.#running !== undefined || this.#closed.signal.aborted) return;
    this.#downSince = this.#options.clock.now();
    this.#running = this.#run();
  }

  get isStarted(): boolean {
    return this.#running !== undefined;
  }

  get isUp(): boolean {
    return this.#up !== undefined;
  }

  /** What is wrong now: the broker can't be reached, or it takes nothing. */
  get fault(): TransportError | undefined {
    if (this.#up === undefined) return this.#error;
    return this.#blocked === undefined ? undefined : blockedError(this.#blocked);
  }

  /** The largest frame of the connection, as negotiated; the client's types do not show it. */
  get frameBytes(): number {
    const { frameMax } = (this.#up?.connection ?? {}) as { readonly frameMax?: number };
    return frameMax ?? Infinity;
  }

  /** Until when a publish that finds no connection waits for one, in milliseconds since the epoch. */
  get blipEndsAt(): number {
    return this.#downSince + LIMITS.blipMs;
  }

  /** The connection, as soon as there is one. Rejects with `closed`. */
  async connection(): Promise<ChannelModel> {
    if (this.#closed.signal.aborted) throw closedError();
    this.start();
    return this.#next.promise;
  }

  /** The same by `deadline` (milliseconds since the epoch). Rejects with what is wrong. */
  async connectionBy(deadline: number): Promise<ChannelModel> {
    if (this.#closed.signal.aborted) throw closedError();
    this.start();
    const { clock } = this.#options;
    const done = new AbortController();
    const late = sleep(clock, Math.max(0, deadline - clock.now()), done.signal).then(() => undefined);
    try {
      const found = await Promise.race([this.#next.promise, late]);
      if (found !== undefined) return found;
      throw this.fault ?? new TransportError("unavailable", "RabbitMQ: there is no connection yet");
    } finally {
      done.abort();
    }
  }

  /** Ends the pause before the next attempt. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** Closes in good order by `deadline`, and destroys what is left. */
  async close(deadline: number): Promise<void> {
    const { clock } = this.#options;
    const done = new AbortController();
    const late = sleep(clock, Math.max(0, deadline - clock.now()), done.signal);
    await Promise.race([this.#up?.close().catch(() => undefined), late]);
    done.abort();
    this.#closed.abort();
    this.#next.reject(closedError());
    await this.#running;
  }

  async #run(): Promise<void> {
    const { servers } = this.#options;
    let pauseMs: number = LIMITS.reconnectMs;
    for (let attempt = 0; !this.#closed.signal.aborted; attempt += 1) {
      const server = servers[attempt % servers.length];
      if (server === undefined) return;
      const wasUp = await this.#connectTo(server);
      if (wasUp) pauseMs = LIMITS.reconnectMs;
      await this.#pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LIMITS.reconnectCapMs);
    }
  }

  /** Connects and stays until the connection ends. Answers whether there was one. */
  async #connectTo(server: Server): Promise<boolean> {
    const { name, settings, logger } = this.#options;
    const socket = new AbortController();
    const destroy = (): void => socket.abort();
    this.#closed.signal.addEventListener("abort", destroy, { once: true });
    try {
      const dial = await dialOptions(name, server, settings, socket.signal);
      const model = await connect(dial.url, dial.socket);
      const ended = endOf(model);
      this.#isUp(model);
      logger.info({ connection: name, host: server.hostname, port: server.port }, "connected to RabbitMQ");
      this.#isDown(await ended);
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    } finally {
      this.#closed.signal.removeEventListener("abort", destroy);
      socket.abort();
    }
  }

  #isUp(model: ChannelModel): void {
    model.on("blocked", (reason) => {
      this.#blocked = reason;
      this.#options.logger.warn({ connection: this.#options.name, reason }, "RabbitMQ takes no messages now");
    });
    model.on("unblocked", () => {
      this.#blocked = undefined;
    });
    this.#up = model;
    this.#error = undefined;
    this.#next.resolve(model);
  }

  #isDown(error: Error | undefined): void {
    const { clock, logger, name } = this.#options;
    this.#up = undefined;
    this.#blocked = undefined;
    this.#downSince = clock.now();
    this.#error = toTransportError(error ?? new Error("the connection was closed"));
    if (this.#closed.signal.aborted) return;
    this.#next = pending();
    logger.warn({ connection: name, reason: this.#error.message }, "lost the connection to RabbitMQ");
  }

  #failed(error: unknown): void {
    const previous = this.#error?.message;
    this.#error = toTransportError(error);
    if (this.#closed.signal.aborted || this.#error.message === previous) return;
    const { logger, name } = this.#options;
    logger.warn({ connection: name, reason: this.#error.message }, "can't connect to RabbitMQ; trying again for ever");
  }

  async #pause(ms: number): Promise<void> {
    this.#hurry = new AbortController();
    await sleep(this.#options.clock, ms, AbortSignal.any([this.#hurry.signal, this.#closed.signal]));
  }
}

/** Resolves with the reason when the connection is gone. An `error` without a listener would be thrown. */
function endOf(model: ChannelModel): Promise<Error | undefined> {
  return new Promise((resolve) => {
    let reason: Error | undefined;
    model.on("error", (error) => {
      reason = error;
    });
    model.on("close", (error) => resolve(reason ?? error));
  });
}

function pending(): PromiseWithResolvers<ChannelModel> {
  const next = Promise.withResolvers<ChannelModel>();
  next.promise.catch(() => undefined); // rejected at close, whether or not somebody waits
  return next;
}
