/** The one producer of a transport, which is replaced when it hangs. */
import { type BaseOptions, Producer } from "@platformatic/kafka";
import { closedError } from "./errors.ts";
import type { KafkaSettings } from "./settings.ts";

export class ProducerClient {
  readonly #options: BaseOptions;
  readonly #compression: KafkaSettings["compression"];
  #producer: Producer | undefined;
  #isClosed = false;

  constructor(options: BaseOptions, compression: KafkaSettings["compression"]) {
    this.#options = options;
    this.#compression = compression;
  }

  get(): Producer {
    if (this.#isClosed) throw closedError();
    if (this.#producer === undefined) {
      this.#producer = new Producer({
        ...this.#options,
        acks: -1,
        compression: this.#compression,
        repeatOnStaleMetadata: false, // it would repeat what another partition of the request has stored
      });
      this.#producer.on("error", () => {}); // each request tells its own
    }
    return this.#producer;
  }

  /** What was learned of topics and their leaders may be out of date. */
  forgetMetadata(): void {
    this.#producer?.clearMetadata();
  }

  /** The next request gets a client with connections of its own. */
  replace(hung: Producer): void {
    if (this.#producer === hung) this.#producer = undefined;
    hung.close(true).catch(() => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#producer?.close(true).catch(() => {});
    this.#producer = undefined;
  }
}
