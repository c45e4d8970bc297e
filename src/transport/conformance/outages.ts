/** T47 and T49: the connection is lost under way, and everything resumes by itself. */
import assert from "node:assert/strict";
import type { Consumer, Transport } from "../port.ts";
import type { ConformanceCase, Harness, Outage } from "./case.ts";
import { idsOf, makeEvent } from "./events.ts";
import {
  duringOutage,
  inTime,
  openConsumer,
  pause,
  publishRecovered,
  soon,
  topicWithGroup,
  until,
  untilManageable,
  untilRecovered,
} from "./steps.ts";

/** Longer than a client's first attempts to connect again. */
const OUTAGE = 4_000;
/** Within this a peer that fell silent must be noticed: two heartbeats and some. */
const HEARTBEATS = 20_000;
/** How long a publish may take in an outage. */
const PUBLISH_DEADLINE = 2_000;
const BEFORE = 20;

export const outageCases: readonly ConformanceCase[] = [
  {
    id: "T47",
    title: "connections are lost and come back: publisher and consumer resume by themselves, and nothing is lost",
    needs: ({ outage }) => outage !== undefined,
    async run(harness) {
      for (const kind of ["cut", "stall"] as const) await resumesAfter(harness, kind);
    },
  },
  {
    id: "T49",
    title: "a peer that fell silent is noticed, and everything resumes when it is back",
    needs: ({ outage }) => outage !== undefined,
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const traffic = new Traffic(harness, address, group);
      await until(() => traffic.received.size >= BEFORE, "the first events");
      const isNoticed = () => traffic.consumer.state.status === "reconnecting" && traffic.failed > 0;
      await duringOutage(harness, "halfOpen", () =>
        until(isNoticed, "the consumer and the publisher notice", HEARTBEATS),
      );
      await traffic.assertResumes();
      await traffic.assertNothingLost();
    },
  },
];

async function resumesAfter(harness: Harness, kind: Outage): Promise<void> {
  const { address, group } = await topicWithGroup(harness);
  const traffic = new Traffic(harness, address, group);
  await until(() => traffic.received.size >= BEFORE, "the first events");
  await duringOutage(harness, kind, async () => {
    await pause(OUTAGE);
    await until(() => traffic.failed > 0, "a publish fails");
  });
  await traffic.assertResumes();
  await traffic.assertNothingLost();
}

/** One publisher and one consumer that go on whatever happens. */
class Traffic {
  readonly received = new Set<string>();
  readonly consumer: Consumer;
  readonly #harness: Harness;
  readonly #address: string;
  readonly #confirmed: string[] = [];
  readonly #refused: string[] = [];
  readonly #done = new AbortController();
  readonly #running: Promise<unknown>;
  failed = 0;

  constructor(harness: Harness, address: string, group: string) {
    this.#harness = harness;
    this.#address = address;
    this.consumer = openConsumer(harness, address, group);
    this.#running = Promise.all([this.#publish(harness.transport), this.#receive()]);
    this.#running.catch(() => {}); // it is awaited at the end
  }

  /** Publishing and receiving go on, soon. */
  async assertResumes(): Promise<void> {
    const confirmed = this.#confirmed.length;
    await untilRecovered(() => this.#confirmed.length > confirmed + 1, "publishing goes on");
    const probe = makeEvent();
    await publishRecovered(this.#harness, this.#address, [probe]);
    await untilRecovered(() => this.received.has(probe.id), "receiving goes on");
  }

  /** Ends the traffic: all that was confirmed arrives, and nothing of which it was said that it is not stored. */
  async assertNothingLost(): Promise<void> {
    const missing = () => this.#confirmed.filter((id) => !this.received.has(id)).length;
    await until(() => missing() === 0, "everything confirmed arrives");
    this.#done.abort();
    await inTime(this.#running, "the traffic ends");
    await this.consumer.close(soon());
    const wrong = this.#refused.filter((id) => this.received.has(id));
    assert.deepEqual(wrong, [], "arrived, although it was said not to be stored");
    await untilManageable(this.#harness);
  }

  async #publish(transport: Transport): Promise<void> {
    const publisher = transport.publisher(this.#address);
    while (!this.#done.signal.aborted) {
      const event = makeEvent();
      const [result] = await inTime(
        publisher.publish([event], soon(PUBLISH_DEADLINE)),
        "publish",
        2 * PUBLISH_DEADLINE,
      );
      if (result?.ok) this.#confirmed.push(event.id);
      else {
        this.failed += 1;
        if (result?.stored === "no") this.#refused.push(event.id);
      }
      await pause(5);
    }
  }

  async #receive(): Promise<void> {
    while (!this.#done.signal.aborted) {
      const items = await this.consumer.receive(20, this.#done.signal);
      for (const id of idsOf(items)) this.received.add(id);
      for (const item of items) this.consumer.settle(item, "ack");
    }
  }
}
