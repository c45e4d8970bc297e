/** What happens to a publisher and a consumer while the connection or the server is gone. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { idsOf, makeEvent, makeEvents } from "../../../src/transport/conformance/events.ts";
import { ackAll, assertFlows, receiveAndAck, receiveCount } from "../../../src/transport/conformance/steps.ts";
import type { Consumer, Transport } from "../../../src/transport/port.ts";
import { describeOwnBroker } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { EVERYTHING, openPubsub, SETTINGS, soon, topicWithGroup } from "./instance.ts";

describeOwnBroker("gcp-pubsub", "faults of Pub/Sub", (broker) => {
  let proxy: FaultProxy;
  let transport: Transport;

  beforeAll(async () => {
    proxy = await FaultProxy.open(broker.port);
    transport = await openPubsub(broker.addressAt(proxy.port));
  });

  afterAll(async () => {
    await transport.close(soon());
    await proxy.close();
  });

  it("extends what is held beyond the service's own lease, also over a cut", { timeout: 60_000 }, async () => {
    const { address, consumer } = await topicWithConsumer();
    const ids = await publish(address, 5);
    const held = await receiveCount(consumer, 5);
    expect(await consumer.receive(9, AbortSignal.timeout(5_000))).toEqual([]);
    await proxy.cut();
    expect(await consumer.receive(9, AbortSignal.timeout(12_000))).toEqual([]);
    expect(consumer.state).toMatchObject({ status: "reconnecting", error: { code: "unavailable" } });
    ackAll(consumer, held); // without a connection
    await proxy.restore();
    await assertFlows(transport, address, consumer);
    expect(await consumer.receive(9, AbortSignal.timeout(3_000))).toEqual([]);
    expect(idsOf(held).sort()).toEqual(ids.sort());
    expect(consumer.state.status).toBe("receiving");
  });

  it("answers publishes at once while the connection is cut, and goes on within seconds", async () => {
    const { address, consumer } = await topicWithConsumer();
    await assertFlows(transport, address, consumer);
    await proxy.cut();
    const begun = performance.now();
    const [refused] = await transport.publisher(address).publish([makeEvent()], soon(20_000));
    expect(refused).toMatchObject({ ok: false, error: { code: "unavailable", retryable: true } });
    expect(performance.now() - begun).toBeLessThan(5_000);
    await proxy.restore();
    await eventually(async () => {
      const [result] = await transport.publisher(address).publish([makeEvent()], soon());
      expect(result?.ok).toBe(true);
    }, 5_000);
    await receiveAndAck(consumer, 1);
  });

  it("replaces a connection whose other end is gone without a word", { timeout: 60_000 }, async () => {
    const { address, consumer } = await topicWithConsumer();
    await assertFlows(transport, address, consumer);
    proxy.halfOpen();
    const publisher = transport.publisher(address);
    const [lost] = await publisher.publish([makeEvent()], soon(2_000));
    expect(lost).toMatchObject({ ok: false, stored: "unknown", error: { code: "timeout" } });
    const waiting = consumer.receive(1, AbortSignal.timeout(40_000));
    await eventually(() => expect(consumer.state.status).toBe("reconnecting"), 20_000);
    await proxy.restore();
    await eventually(async () => expect((await publisher.publish([makeEvent()], soon(2_000)))[0]?.ok).toBe(true));
    expect(await waiting).toHaveLength(1);
  });

  it("answers by the deadline of each call while nothing passes, and keeps the order of a key", async () => {
    const { address, consumer } = await topicWithConsumer();
    await assertFlows(transport, address, consumer);
    const publisher = transport.publisher(address);
    const keyed = () => makeEvent({ attributes: [["partitionkey", "k"]] });
    proxy.stall();
    const begun = performance.now();
    const [first, second] = await Promise.all([
      publisher.publish([keyed()], soon(500)),
      publisher.publish([keyed()], soon(1_000)),
    ]);
    expect(performance.now() - begun).toBeLessThan(2_500);
    expect(first).toMatchObject([{ ok: false, error: { code: "timeout" }, stored: "unknown" }]);
    expect(second).toMatchObject([{ ok: false, error: { code: "timeout" } }]);
    await proxy.restore();
    await eventually(async () => expect((await publisher.publish([keyed()], soon(2_000)))[0]?.ok).toBe(true));
  });

  it("goes on with a server that was restarted", { timeout: 60_000 }, async () => {
    const { address, group, consumer } = await topicWithConsumer();
    await assertFlows(transport, address, consumer);
    const waiting = consumer.receive(1, AbortSignal.timeout(30_000));
    const refused = expect(waiting).rejects.toMatchObject({ code: "not_found" });
    await broker.kill();
    await expect(transport.check()).rejects.toMatchObject({ retryable: true });
    await broker.start();
    await refused; // it has forgotten everything, as the real one would not
    await eventually(() => transport.check());
    await transport.provision(address, SETTINGS);
    await transport.createGroup(address, group, { at: "latest" });
    await assertFlows(transport, address, consumer);
  });

  async function topicWithConsumer() {
    const { address, group } = await topicWithGroup(transport);
    const consumer: Consumer = transport.consumer(address, group, { matcher: EVERYTHING });
    return { address, group, consumer };
  }

  async function publish(address: string, count: number): Promise<string[]> {
    const events = makeEvents(count);
    for (const result of await transport.publisher(address).publish(events, soon())) expect(result.ok).toBe(true);
    return events.map(({ id }) => id);
  }
});
