/** Streams and durable consumers: what is created, what is taken over, what is refused. */
import { AckPolicy, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection, nanos } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { escapeName } from "../../../adapters/nats/names.ts";
import type { Event } from "../../../src/event/event.ts";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import { receiveAndAck, receiveCount } from "../../../src/transport/conformance/steps.ts";
import type { PublishResult, Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { EVERYTHING, openNats, soon, topicSettings, uniqueName } from "./instance.ts";

await describeBroker("nats", "NATS streams and consumers", (address) => {
  let transport: Transport;
  let native: NatsConnection;
  let manager: JetStreamManager;

  beforeAll(async () => {
    transport = await openNats(address);
    native = await connect({ servers: address });
    manager = await jetstreamManager(native);
  });

  afterAll(async () => {
    await native.close();
    await transport.close(soon());
  });

  it("creates a stream of its own for an address, with the options of the topic", async () => {
    const subject = await provisioned({ maxAgeSeconds: 60, maxBytes: 1_000_000 });
    const { config } = await manager.streams.info(escapeName(subject));
    expect(config).toMatchObject({
      ...{ subjects: [subject], storage: "file", num_replicas: 1, discard: "new", max_bytes: 1_000_000 },
      ...{ max_age: nanos(60_000), duplicate_window: nanos(60_000) },
    });
  });

  it("changes a stream of its own when the options change", async () => {
    const subject = await provisioned({ maxAgeSeconds: 60 });
    await transport.provision(subject, topicSettings({ options: { maxAgeSeconds: 120 } }));
    expect((await manager.streams.info(escapeName(subject))).config.max_age).toBe(nanos(120_000));
  });

  it("says what is wrong when an option can't be changed", async () => {
    const subject = await provisioned({ storage: "file" });
    const changing = transport.provision(subject, topicSettings({ options: { storage: "memory" } }));
    await expect(changing).rejects.toMatchObject({ code: "invalid", retryable: false });
    await expect(changing).rejects.toThrow(/storage/);
  });

  it("says which other stream stores the subject, and uses that one when told to", async () => {
    const name = `S-${crypto.randomUUID()}`;
    await manager.streams.add({ name, subjects: [`${name}.>`] });
    const subject = `${name}.orders`;
    await expect(transport.provision(subject, topicSettings())).rejects.toThrow(`options.stream to "${name}"`);
    await transport.provision(subject, topicSettings({ options: { stream: name } }));
    await flows(subject);
    await transport.deprovision(subject);
    expect((await manager.streams.info(name)).state.messages).toBe(1); // which is not Pulsebus's to delete
  });

  it("finds the stream by its subject where the operator owns the broker", async () => {
    const name = `S-${crypto.randomUUID()}`;
    await manager.streams.add({ name, subjects: [`${name}.*`] });
    const subject = `${name}.orders`;
    await transport.provision(subject, topicSettings({ provision: false }));
    await manager.consumers.add(name, {
      ...{ durable_name: escapeName("bus/group"), ack_policy: AckPolicy.Explicit, filter_subject: subject },
      max_deliver: -1,
    });
    await transport.createGroup(subject, "bus/group", { at: "latest" });
    await flows(subject, "bus/group");
  });

  it("refuses a consumer that gives up on events, where it may not change it", async () => {
    const subject = await provisioned();
    await manager.consumers.add(escapeName(subject), {
      ...{ durable_name: "limited", ack_policy: AckPolicy.Explicit, max_deliver: 3 },
    });
    await transport.provision(subject, topicSettings({ provision: false }));
    const creating = transport.createGroup(subject, "limited", { at: "latest" });
    await expect(creating).rejects.toMatchObject({ code: "invalid" });
    await transport.provision(subject, topicSettings());
    await transport.createGroup(subject, "limited", { at: "latest" });
    expect((await manager.consumers.info(escapeName(subject), "limited")).config.max_deliver).toBe(-1);
  });

  it("refuses a consumer that does not wait for acks", async () => {
    const subject = await provisioned();
    await manager.consumers.add(escapeName(subject), { durable_name: "careless", ack_policy: AckPolicy.All });
    const creating = transport.createGroup(subject, "careless", { at: "latest" });
    await expect(creating).rejects.toThrow(/ack policy/);
  });

  it("keeps two topics in one stream apart", async () => {
    const stream = `S-${crypto.randomUUID()}`;
    const [one, two] = [`${stream}.one`, `${stream}.two`];
    for (const subject of [one, two]) await transport.provision(subject, topicSettings({ options: { stream } }));
    expect((await manager.streams.info(stream)).config.subjects).toEqual([one, two]);
    await flows(one, "group-one");
    await flows(two, "group-two");
    expect(await transport.place(one)).not.toBe(await transport.place(two));
    await transport.deprovision(one);
    expect((await manager.streams.info(stream)).config.subjects).toEqual([two]);
    await flows(two, "group-two");
  });

  it("receives from an address with wildcards, and refuses to publish to it", async () => {
    const base = `W-${crypto.randomUUID()}`;
    const subject = `${base}.>`;
    await transport.provision(subject, topicSettings());
    await transport.createGroup(subject, "group", { at: "latest" });
    const [refused] = await transport.publisher(subject).publish([makeEvent()], soon());
    expect(codeOf(refused)).toBe("invalid");
    await transport.publisher(`${base}.a.b`).publish([makeEvent({ id: "below" })], soon());
    const consumer = transport.consumer(subject, "group", { matcher: EVERYTHING });
    const [item] = await receiveAndAck(consumer, 1);
    expect(item?.event).toMatchObject({ id: "below" });
  });

  it.each(["", "a..b", "a b", "$JS.API.INFO", ".a"])("refuses the address %j", async (subject) => {
    await expect(transport.provision(subject, topicSettings())).rejects.toMatchObject({ code: "invalid" });
  });

  describe("a topic with dedupe", () => {
    const dedupe = { windowMs: 30_000 };

    it("makes its window that of its stream, and changes it later", async () => {
      const subject = uniqueName();
      await transport.provision(subject, topicSettings({ dedupe }));
      expect((await manager.streams.info(escapeName(subject))).config.duplicate_window).toBe(nanos(30_000));
      await transport.provision(subject, topicSettings({ dedupe: { windowMs: 10_000 } }));
      expect((await manager.streams.info(escapeName(subject))).config.duplicate_window).toBe(nanos(10_000));
    });

    it("in a stream of several topics loses no event of one to the other, and keeps the longest window", async () => {
      const [name, event] = [`S-${crypto.randomUUID()}`, makeEvent()];
      for (const windowMs of [30_000, 20_000]) {
        const subject = uniqueName();
        await transport.provision(subject, topicSettings({ dedupe: { windowMs }, options: { stream: name } }));
        expect(await areDuplicates(subject, [event, event])).toEqual([false, true]);
      }
      expect((await manager.streams.info(name)).config.duplicate_window).toBe(nanos(30_000));
    });

    it("is refused on a stream of somebody else that forgets sooner", async () => {
      const name = `S-${crypto.randomUUID()}`;
      await manager.streams.add({ name, subjects: [`${name}.>`], duplicate_window: nanos(10_000) });
      const subject = `${name}.orders`;
      for (const provision of [true, false]) {
        const settings = topicSettings({ dedupe, provision, options: { stream: name } });
        await expect(transport.provision(subject, settings)).rejects.toThrow("duplicate_window to 30000ms");
      }
      const settings = topicSettings({ dedupe: { windowMs: 10_000 }, options: { stream: name } });
      await transport.provision(subject, settings);
      const event = makeEvent();
      expect(await areDuplicates(subject, [event, event])).toEqual([false, true]);
    });

    it("is refused when events do not live as long", async () => {
      const settings = topicSettings({ dedupe, options: { maxAgeSeconds: 29 } });
      await expect(transport.provision(uniqueName(), settings)).rejects.toThrow("raise maxAgeSeconds");
    });
  });

  it("refuses publishes as throttled when the stream is full, and aborts what follows with the same key", async () => {
    const subject = await provisioned({ maxBytes: 20_000 });
    const keyed = (key: string, size: number) =>
      makeEvent({ attributes: [["partitionkey", key]], data: Buffer.alloc(size) });
    const events = [keyed("a", 10_000), keyed("a", 15_000), keyed("a", 10), keyed("b", 10)];
    const results = await transport.publisher(subject).publish(events, soon());
    expect(results.map(codeOf)).toEqual(["ok", "throttled", "aborted", "ok"]);
    for (const result of results) if (!result.ok) expect(result.stored).toBe("no");
    expect((await transport.topicStats(subject)).events).toBe(2);
  });

  it("counts what retention took before the group received it", async () => {
    const subject = await provisioned({ maxBytes: 20_000, discard: "old" });
    await transport.createGroup(subject, "slow", { at: "earliest" });
    for (let count = 0; count < 10; count += 1) await publish(subject, makeEvent({ data: Buffer.alloc(5_000) }));
    const { events: left = 0 } = await transport.topicStats(subject);
    expect(left).toBeLessThan(5);
    const consumer = transport.consumer(subject, "slow", { matcher: EVERYTHING });
    await receiveCount(consumer, left);
    expect(consumer.state.skipped).toBe(10 - left);
    expect((await transport.stats(subject, "slow")).skipped).toBe(10 - left);
    await consumer.close(soon());
  });

  it("tells where one event stands for a group", async () => {
    const subject = await provisioned();
    const [before] = await publish(subject, makeEvent());
    await transport.createGroup(subject, "group", { at: "latest" });
    const positions = [await publish(subject, makeEvent()), await publish(subject, makeEvent())].flat();
    const consumer = transport.consumer(subject, "group", { matcher: EVERYTHING });
    const progress = (position = "") => transport.progress(subject, "group", position);
    expect(await progress(before)).toBe("before");
    expect(await progress(positions[1])).toBe("unread");
    const [first, second] = await receiveCount(consumer, 2);
    expect(await progress(first?.position)).toBe("open");
    if (second !== undefined) consumer.settle(second, "ack");
    expect(await progress(second?.position)).toBe("settled");
    expect(await progress("zz-1")).toBe("unknown");
    await consumer.close(soon());
  });

  async function provisioned(options: Record<string, unknown> = {}): Promise<string> {
    const subject = uniqueName();
    await transport.provision(subject, topicSettings({ options }));
    return subject;
  }

  async function publish(subject: string, event = makeEvent()): Promise<string[]> {
    const [result] = await transport.publisher(subject).publish([event], soon());
    if (!result?.ok) throw new Error(`not stored: ${result?.error.message}`);
    return result.position === undefined ? [] : [result.position];
  }

  async function areDuplicates(subject: string, events: readonly Event[]): Promise<boolean[]> {
    const results = await transport.publisher(subject).publish(events, soon());
    return results.map((result) => {
      if (!result.ok) throw result.error;
      return result.duplicate === true;
    });
  }

  async function flows(subject: string, group = "group"): Promise<void> {
    await transport.createGroup(subject, group, { at: "latest" });
    const event = makeEvent();
    await publish(subject, event);
    const consumer = transport.consumer(subject, group, { matcher: EVERYTHING });
    const [item] = await receiveAndAck(consumer, 1);
    expect(item?.event).toMatchObject({ id: event.id });
    await consumer.close(soon());
  }
});

function codeOf(result: PublishResult | undefined): string {
  return result === undefined || result.ok ? "ok" : result.error.code;
}
