import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCase } from "../../../src/transport/conformance/case.ts";
import { conformanceCases } from "../../../src/transport/conformance/cases.ts";
import { idsOf, makeEvent } from "../../../src/transport/conformance/events.ts";
import type { Consumer, Publisher, Transport } from "../../../src/transport/port.ts";
import type { BrokerHarness } from "../../support/broker-harness.ts";
import { describeOwnBroker } from "../../support/brokers.ts";
import { openHarness } from "./harness.ts";
import { openTransport, soon, topicWithGroup } from "./rabbit.ts";

/** Durability is shown by a broker that was stopped, not by a client that was closed. */
const RESTARTS = new Set(["T17", "T38", "T48", "T71"]);
/** A broker starts in about eight seconds; one of the cases does it three times. */
const TIMEOUT_MS = 180_000;
const RECOVERY_MS = 5_000;
const QUEUE_WRITTEN_MS = 10_000;

describeOwnBroker("amqp", "RabbitMQ that stops", (broker) => {
  describe("and starts again in conformance case", () => {
    let harness: BrokerHarness;

    beforeAll(async () => {
      harness = await openHarness(broker.address, async () => {
        await broker.stop();
        await broker.start();
      });
    });

    afterAll(() => harness.remove());

    for (const one of conformanceCases.filter(({ id }) => RESTARTS.has(id))) {
      it(`${one.id}: ${one.title}`, { timeout: TIMEOUT_MS }, async () => {
        expect(await runCase(one, harness)).toBe("passed");
      });
    }
  });

  it.each(["stop", "kill"] as const)(
    "by %s under steady publishing loses nothing and needs no restart of ours",
    async (how) => {
      const transport = await openTransport(broker.address);
      const { publisher, consumer } = await topicWithGroup(transport);
      const traffic = new Traffic(publisher, consumer);
      await traffic.confirmedMore();
      // RabbitMQ 3.10 writes down that a new quorum queue exists seconds later; killed before, it never elects a leader.
      if (how === "kill") await new Promise((resolve) => setTimeout(resolve, QUEUE_WRITTEN_MS));
      await broker[how]();
      await expect(transport.check()).rejects.toMatchObject({ code: "unavailable" });
      await broker.start();
      const back = performance.now();
      await traffic.confirmedMore();
      await traffic.receivedMore();
      expect(performance.now() - back).toBeLessThan(RECOVERY_MS);
      await transport.check();
      expect(await traffic.end()).toEqual([]);
      await transport.close(soon());
    },
    TIMEOUT_MS,
  );

  it("is waited for by a transport that opens before it", { timeout: TIMEOUT_MS }, async () => {
    await broker.stop();
    const transport: Transport = await openTransport(broker.address);
    const [early] = await transport.publisher("orders").publish([makeEvent()], soon(10_000));
    expect(early).toMatchObject({ ok: false, stored: "no", error: { code: "unavailable" } });
    await broker.start();
    const { publisher } = await topicWithGroup(transport);
    expect(await publisher.publish([makeEvent()], soon())).toMatchObject([{ ok: true }]);
    await transport.close(soon());
  });
});

/** Publishes one after the other and receives what comes, until it is ended. */
class Traffic {
  readonly #sent = new Set<string>();
  readonly #refused = new Map<string, string>();
  readonly #received = new Set<string>();
  readonly #done = new AbortController();
  readonly #running: Promise<unknown>;
  readonly #consumer: Consumer;

  constructor(publisher: Publisher, consumer: Consumer) {
    this.#consumer = consumer;
    this.#running = Promise.all([this.#publish(publisher), this.#receive()]);
  }

  confirmedMore(): Promise<void> {
    return this.#grown(this.#sent);
  }

  receivedMore(): Promise<void> {
    return this.#grown(this.#received);
  }

  /** Once everything that was confirmed has come: what came although it was said not to be stored, and why. */
  async end() {
    while (![...this.#sent].every((id) => this.#received.has(id))) await this.receivedMore();
    this.#done.abort();
    await this.#running;
    return [...this.#refused].filter(([id]) => this.#received.has(id));
  }

  async #publish(publisher: Publisher): Promise<void> {
    while (!this.#done.signal.aborted) {
      const event = makeEvent();
      const [result] = await publisher.publish([event], soon(5_000));
      if (result?.ok) this.#sent.add(event.id);
      else {
        if (result?.stored === "no") this.#refused.set(event.id, result.error.message);
        await new Promise((resolve) => setTimeout(resolve, 5)); // as the core backs off
      }
    }
  }

  async #receive(): Promise<void> {
    while (!this.#done.signal.aborted) {
      for (const item of await this.#consumer.receive(100, this.#done.signal)) {
        for (const id of idsOf([item])) this.#received.add(id);
        this.#consumer.settle(item, "ack");
      }
    }
  }

  async #grown(ids: ReadonlySet<string>): Promise<void> {
    const before = ids.size;
    const deadline = performance.now() + 60_000;
    while (ids.size < before + 20) {
      if (performance.now() > deadline)
        throw new Error(`nothing moves: ${JSON.stringify([this.#consumer.state, [...this.#refused.values()].at(-1)])}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
