/**
 * The load generator. Closed loop: every connection sends its next request when the last one was answered, which finds
 * the highest rate. Open loop: requests arrive at a fixed rate whether the server keeps up or not, which is the only way
 * to measure latency: a closed loop waits for a slow server, and so never sees how slow it was.
 */
import { monotonicMicros } from "./harness/clock.ts";
import { Connection } from "./harness/connection.ts";
import { LatencyHistogram, type Percentiles } from "./harness/histogram.ts";
import { Message, type MessageShape, type Target } from "./harness/message.ts";
import { serveCommands } from "./harness/rpc.ts";

export interface LoadOptions {
  readonly target: Target;
  readonly shape: MessageShape;
  readonly connections: number;
  readonly run: number;
  /** Whichever comes first. */
  readonly until: { readonly ms?: number; readonly events?: number };
  /** Requests a second; as many as the connections carry when absent. */
  readonly rate?: number;
}

export interface LoadResult {
  /** Accepted ones, which are numbered from 0 without gaps unless something was refused. */
  readonly events: number;
  /** Answers other than 2xx, by status. */
  readonly refused: Readonly<Record<number, number>>;
  readonly startedAtMicros: number;
  readonly seconds: number;
  /** From the arrival of a request to its answer, waiting for a free connection included. */
  readonly latency: Percentiles;
  /** How late requests arrived, for this process was busy: what the latency leaves out. */
  readonly lag: Percentiles;
}

const commands = { run: (options: LoadOptions): Promise<LoadResult> => new Load(options).result };
export type LoadCommands = typeof commands;

const TICK_MS = 1;

/** One connection and its prepared request. */
class Lane {
  readonly connection: Connection;
  readonly message: Message;
  arrivedAtMicros = 0;

  constructor(options: LoadOptions, onResponse: (lane: Lane, status: number) => void, onError: (error: Error) => void) {
    this.message = new Message(options.target, options.shape);
    this.connection = new Connection(options.target.port, {
      onResponse: (status) => onResponse(this, status),
      onError,
    });
  }
}

class Load {
  readonly result: Promise<LoadResult>;
  readonly #options: LoadOptions;
  readonly #outcome = Promise.withResolvers<LoadResult>();
  readonly #lanes: readonly Lane[];
  readonly #idle: Lane[];
  /** When the requests arrived that wait for a connection, oldest first. */
  readonly #waiting: number[] = [];
  readonly #latency = new LatencyHistogram();
  readonly #lag = new LatencyHistogram();
  readonly #refused: Record<number, number> = {};
  readonly #startedAtMicros = monotonicMicros();
  readonly #endsAtMicros: number;
  readonly #eventsMax: number;
  #arrived = 0;
  #sequence = 0;
  #accepted = 0;

  constructor(options: LoadOptions) {
    this.result = this.#outcome.promise;
    this.#options = options;
    this.#endsAtMicros = this.#startedAtMicros + (options.until.ms ?? Number.POSITIVE_INFINITY) * 1_000;
    this.#eventsMax = options.until.events ?? Number.POSITIVE_INFINITY;
    this.#lanes = Array.from(
      { length: options.connections },
      () => new Lane(options, (lane, status) => this.#onResponse(lane, status), this.#outcome.reject),
    );
    this.#idle = [...this.#lanes];
    if (options.rate === undefined) while (this.#idle.length > 0 && this.#mayArrive()) this.#arrive(monotonicMicros());
    else this.#tick(options.rate);
  }

  #mayArrive(): boolean {
    return this.#arrived * this.#options.shape.events < this.#eventsMax && monotonicMicros() < this.#endsAtMicros;
  }

  #tick(rate: number): void {
    this.#arriveWhatIsDue(rate);
    if (this.#mayArrive()) setTimeout(() => this.#tick(rate), TICK_MS);
    else this.#endWhenIdle();
  }

  #arriveWhatIsDue(rate: number): void {
    for (;;) {
      const now = monotonicMicros();
      const dueAt = this.#startedAtMicros + (this.#arrived / rate) * 1_000_000;
      if (dueAt > now || !this.#mayArrive()) return;
      this.#lag.record(now - dueAt);
      this.#arrive(now);
    }
  }

  #arrive(now: number): void {
    this.#arrived += 1;
    const lane = this.#idle.pop();
    if (lane === undefined) this.#waiting.push(now);
    else this.#send(lane, now);
  }

  #send(lane: Lane, arrivedAtMicros: number): void {
    lane.arrivedAtMicros = arrivedAtMicros;
    lane.message.stamp(this.#options.run, this.#sequence);
    this.#sequence += lane.message.events;
    lane.connection.send(lane.message.bytes);
  }

  #onResponse(lane: Lane, status: number): void {
    const now = monotonicMicros();
    this.#latency.record(now - lane.arrivedAtMicros);
    if (status >= 200 && status < 300) this.#accepted += lane.message.events;
    else this.#refused[status] = (this.#refused[status] ?? 0) + 1;
    this.#idle.push(lane);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#send(this.#idle.pop() ?? lane, next);
    else if (this.#options.rate === undefined && this.#mayArrive()) this.#arrive(now);
    else this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.#mayArrive() || this.#idle.length < this.#lanes.length) return;
    for (const { connection } of this.#lanes) connection.close();
    this.#outcome.resolve({
      events: this.#accepted,
      refused: this.#refused,
      startedAtMicros: this.#startedAtMicros,
      seconds: (monotonicMicros() - this.#startedAtMicros) / 1_000_000,
      latency: this.#latency.percentiles(),
      lag: this.#lag.percentiles(),
    });
  }
}

serveCommands(commands);
