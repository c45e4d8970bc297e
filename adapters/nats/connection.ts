/**
 * The one connection of a transport, kept for as long as the transport is open.
 *
 * connecting: the first connect has not succeeded; it is tried again and again.
 * up: connected.
 * down: connected before; the client reconnects by itself. What it had buffered is thrown away by the client, so nobody
 *   writes to a connection that is down.
 * closed: for good.
 *
 * A client that gives up in spite of its settings is replaced: `connecting` again.
 */
import { readFileSync } from "node:fs";
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import {
  type Authenticator,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
import { sleep } from "../../src/runtime/clock.ts";
import type { AdapterContext } from "../../src/transport/adapter.ts";
import { byDeadline } from "../../src/transport/deadline.ts";
import type { TransportError } from "../../src/transport/port.ts";
import { closedError, disconnectedError, toTransportError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { NatsSettings } from "./settings.ts";

/** A connected client; of one connect, so it changes only when a client was replaced. */
export interface Client {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

interface Watcher {
  onUp(): void;
  onDown(): void;
}

export class Connection {
  readonly #settings: NatsSettings;
  readonly #context: AdapterContext;
  readonly #closed = new AbortController();
  readonly #watchers = new Set<Watcher>();
  /** Resolves when the first connect has succeeded or failed. */
  readonly #tried = Promise.withResolvers<void>();
  #client: Client | undefined;
  #isUp = false;
  #fault: TransportError | undefined;

  constructor(settings: NatsSettings, context: AdapterContext) {
    this.#settings = settings;
    this.#context = context;
    void this.#keepConnected();
  }

  /** The client while it is connected. */
  get up(): Client | undefined {
    return this.#isUp ? this.#client : undefined;
  }

  get isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** The first connect is under way and nothing is known of it yet. */
  get isStarting(): boolean {
    return !this.#isUp && !this.isClosed && this.#client === undefined && this.#fault === undefined;
  }

  /** Why it is not up. */
  get fault(): TransportError | undefined {
    if (this.isClosed) return closedError();
    return this.#isUp ? undefined : (this.#fault ?? disconnectedError());
  }

  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Waits for a connection as long as a request would. Rejects with `closed`, or why there is none. */
  async ready(waitMs: number = LIMITS.requestMs): Promise<Client> {
    if (this.up === undefined && !this.isClosed) await this.#nextUp(waitMs);
    const { up, fault } = this;
    if (up === undefined) throw fault ?? disconnectedError();
    return up;
  }

  /** Rejects at once when there is no connection; waits only for the outcome of the first connect. */
  async requireUp(): Promise<void> {
    await this.#tried.promise;
    const { fault } = this;
    if (fault !== undefined) throw fault;
  }

  /** Runs a request of the JetStream API; its errors are portable ones. Ends when the connection does. */
  async request<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.ready();
    const lost = Promise.withResolvers<never>();
    const stop = this.watch({ onUp() {}, onDown: () => lost.reject(this.fault) });
    try {
      return await Promise.race([work(client), lost.promise]);
    } catch (error) {
      throw this.isClosed ? closedError() : toTransportError(error);
    } finally {
      stop();
    }
  }

  /** What was written before has reached the server, or `deadline` has passed. */
  async flush(deadline: number): Promise<void> {
    const { up } = this;
    if (up !== undefined) await byDeadline(up.nc.flush(), deadline, this.#context.clock);
  }

  async close(deadline: number): Promise<void> {
    await this.flush(deadline);
    this.#closed.abort();
    this.#tried.resolve();
    this.#setUp(false);
    await this.#client?.nc.close();
  }

  async #keepConnected(): Promise<void> {
    const { clock, logger, name } = this.#context;
    while (!this.isClosed) {
      try {
        await this.#live(await connect(this.#options()));
      } catch (error) {
        this.#fault = toTransportError(error);
        this.#tried.resolve();
        logger.debug({ transport: name, code: this.#fault.code }, "no connection to NATS; it is tried again");
      }
      await sleep(clock, LIMITS.reconnectMs, this.#closed.signal);
    }
  }

  /** One client from its connect to its end. */
  async #live(nc: NatsConnection): Promise<void> {
    if (this.isClosed) return nc.close();
    const { domain } = this.#settings;
    const options = { ...(domain === undefined ? {} : { domain }), timeout: LIMITS.requestMs };
    // A copy each: the client takes the domain out of what it is given.
    const jsm = await jetstreamManager(nc, { ...options, checkAPI: false });
    this.#client = { nc, jsm, js: jetstream(nc, { ...options }) };
    this.#setUp(true);
    this.#tried.resolve();
    void this.#follow(nc);
    const error = await nc.closed();
    if (error instanceof Error) this.#fault = toTransportError(error);
    this.#setUp(false);
  }

  async #follow(nc: NatsConnection): Promise<void> {
    for await (const status of nc.status()) {
      if (status.type === "reconnect") this.#setUp(true);
      else if (status.type === "disconnect") this.#setUp(false);
      else if (status.type === "error") this.#fault = toTransportError(status.error);
    }
  }

  #setUp(isUp: boolean): void {
    if (isUp === this.#isUp) return;
    this.#isUp = isUp && !this.isClosed;
    if (this.#isUp) this.#fault = undefined;
    for (const watcher of [...this.#watchers]) {
      if (this.#isUp) watcher.onUp();
      else watcher.onDown();
    }
  }

  #nextUp(waitMs: number): Promise<void> {
    const done = new AbortController();
    const stop = this.watch({ onUp: () => done.abort(), onDown() {} });
    const giveUp = (): void => done.abort();
    this.#closed.signal.addEventListener("abort", giveUp, { once: true });
    return sleep(this.#context.clock, waitMs, done.signal).finally(() => {
      stop();
      this.#closed.signal.removeEventListener("abort", giveUp);
    });
  }

  #options(): ConnectionOptions {
    const { servers, user, password, token, tls, inboxPrefix } = this.#settings;
    return {
      servers: [...servers],
      name: `pulsebus ${this.#context.busId} ${this.#context.name}`,
      inboxPrefix,
      timeout: LIMITS.connectMs,
      pingInterval: LIMITS.pingMs,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      reconnectTimeWait: LIMITS.reconnectMs,
      ignoreAuthErrorAbort: true,
      noAsyncTraces: true,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { pass: password }),
      ...(token === undefined ? {} : { token }),
      ...(tls === undefined ? {} : { tls }),
      authenticator: this.#authenticators(),
    };
  }

  /** Besides user, password and token, for which the client makes its own. */
  #authenticators(): Authenticator[] {
    const { nkeySeed, credentialsFile } = this.#settings;
    const all: Authenticator[] = [];
    if (nkeySeed !== undefined) all.push(nkeyAuthenticator(new TextEncoder().encode(nkeySeed)));
    if (credentialsFile !== undefined) all.push(credsAuthenticator(() => readFileSync(credentialsFile)));
    return all;
  }
}
