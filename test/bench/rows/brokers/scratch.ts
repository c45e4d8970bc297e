/** The raw clients, and the places that they and the bus made on the brokers for one row. All go with it. */
import type { BrokerName } from "../../../support/brokers.ts";
import { Part } from "../../harness/rpc.ts";
import type { Place, RawCommands } from "../../raw-client.ts";
import { unique } from "./buses.ts";

export class Scratch implements AsyncDisposable {
  readonly raw = new Part<RawCommands>(new URL("../../raw-client.ts", import.meta.url));
  readonly #places = new Set<Place>();

  /** A new address, where nothing is yet. */
  place(broker: BrokerName): Place {
    const place = { broker, address: unique("bench") };
    this.#places.add(place);
    return place;
  }

  /** One that the raw client makes, with a reader that nobody reads. */
  async made(broker: BrokerName): Promise<Place> {
    const place = this.place(broker);
    await this.raw.call("create", place);
    await this.raw.call("attach", { ...place, reader: "nobody" });
    return place;
  }

  async remove(place: Place): Promise<void> {
    await this.raw.call("remove", place);
    this.#places.delete(place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const place of this.#places) await this.remove(place);
    await this.raw[Symbol.asyncDispose]();
  }
}
