/** The ceiling of delivering: undici's cheapest way to send the same requests to the same sink. */
import { type Dispatcher, Pool } from "undici";
import { monotonicMicros } from "./harness/clock.ts";
import { EVENT_ID_PLACEHOLDER, writeEventId } from "./harness/event-id.ts";
import { ATTRIBUTES, jsonData } from "./harness/message.ts";
import { serveCommands } from "./harness/rpc.ts";

export interface BareDelivery {
  readonly port: number;
  readonly run: number;
  readonly events: number;
  readonly connections: number;
  readonly dataBytes: number;
}

class Sender implements Dispatcher.DispatchHandler {
  readonly #options: BareDelivery;
  readonly #pool: Pool;
  readonly #body: Buffer;
  readonly #id = Buffer.from(EVENT_ID_PLACEHOLDER);
  readonly #done = Promise.withResolvers<void>();
  #sent = 0;
  #answered = 0;

  constructor(options: BareDelivery) {
    this.#options = options;
    this.#body = Buffer.from(jsonData(options.dataBytes));
    this.#pool = new Pool(`http://127.0.0.1:${options.port}`, {
      connections: options.connections,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  async run(): Promise<void> {
    for (let slot = 0; slot < this.#options.connections; slot += 1) this.#send();
    await this.#done.promise;
    await this.#pool.destroy();
  }

  onRequestStart(): void {}
  onResponseStart(): void {}
  onResponseData(): void {}

  onResponseEnd(): void {
    this.#answered += 1;
    if (this.#answered === this.#options.events) this.#done.resolve();
    else if (this.#sent < this.#options.events) this.#send();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#done.reject(error);
  }

  #send(): void {
    writeEventId(this.#id, 0, { run: this.#options.run, sequence: this.#sent, sentAtMicros: monotonicMicros() });
    this.#sent += 1;
    const headers = ["content-type", "application/json", "ce-specversion", "1.0", "ce-id", this.#id.toString("latin1")];
    headers.push("ce-source", ATTRIBUTES.source, "ce-type", ATTRIBUTES.type, "ce-time", ATTRIBUTES.time);
    this.#pool.dispatch({ path: "/", method: "POST", headers, body: this.#body }, this);
  }
}

const commands = {
  /** Microseconds of CPU that a request took. */
  async deliver(options: BareDelivery): Promise<number> {
    const before = process.cpuUsage();
    await new Sender(options).run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / options.events;
  },
};
export type BareClientCommands = typeof commands;

serveCommands(commands);
