/** What happens under a consumer and a publisher while they work. */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LIMITS } from "../../../adapters/nats/limits.ts";
import { escapeName } from "../../../adapters/nats/names.ts";
import { idsOf, makeEvent, makeEvents } from "../../../src/transport/conformance/events.ts";
import { ackAll, receiveAndAck, receiveCount } from "../../../src/transport/conformance/steps.ts";
import type { Consumer, PublishResult, Transport } from "../../../src/transport/port.ts";
import { describeBroker, freePort } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { EVERYTHING, openNats, soon, topicSettings, uniqueName } from "./instance.ts";

const ACK_WAIT_SECONDS = 2;
/** Nothing of a test waits for it. */
const ACK_WAIT_SECONDS_LONG = 60;
/**
 * The server hands out what was lost once its lease is over, which began no later than the outage ended. A second lease
 * would be over later.
 */
const LEASE_AFTER_OUTAGE_MS = ACK_WAIT_SECONDS * 1_000 + LIMITS.reconnectMs + LIMITS.returnGraceMs;
/** After a server is back. */
const RECOVERY_MS = 5_000;

await describeBroker("nats", "faults of NATS", (address) => {
  let proxy: FaultProxy;
  let transport: Transport;
  let native: NatsConnection;
  let manager: JetStreamManager;

  beforeAll(async () => {
    proxy = await FaultProxy.open(Number(new URL(address).port));
    transport = await openNats(`nats://127.0.0.1:${proxy.port}`);
    native = await connect({ servers: address });
    manager = await jetstreamManager(native);
  });

  afterAll(async () => {
    await transport.close(soon());
    await native.close();
    await proxy.close();
  });

  it("creates a durable consumer again that was deleted under it: nothing is lost, nothing comes twice", async () => {
    const { subject, consumer } = await topicWithConsumer();
    await publish(subject, 30);
    const held = await receiveCount(consumer, 10);
    ackAll(consumer, held.slice(0, 4));
    await manager.consumers.delete(escapeName(subject), "group");
    await publish(subject, 10);
    const rest = await receiveAndAck(consumer, 30);
    ackAll(consumer, held.slice(4));
    expect(new Set(idsOf([...held, ...rest])).size).toBe(40);
    await expectSettled(subject, consumer);
  });

  it("brings no group back that was deleted on purpose", async () => {
    const { subject, consumer } = await topicWithConsumer();
    await publish(subject, 1);
    await receiveAndAck(consumer, 1);
    const waiting = consumer.receive(1, AbortSignal.timeout(10_000));
    const refused = expect(waiting).rejects.toMatchObject({ code: "not_found" });
    await transport.deleteGroup(subject, "group");
    await refused;
    await expect(manager.consumers.info(escapeName(subject), "group")).rejects.toThrow();
  });

  it("goes on in a stream that was deleted and created again, with positions of their own", async () => {
    const { subject, consumer } = await topicWithConsumer();
    const [before] = await publish(subject, 1);
    const [old] = await receiveCount(consumer, 1);
    const { config } = await manager.streams.info(escapeName(subject));
    await manager.streams.delete(config.name);
    await manager.streams.add(config);
    const [after] = await publish(subject, 1);
    const [young] = await receiveAndAck(consumer, 1);
    expect(positionOf(after)).not.toBe(positionOf(before));
    expect(young?.position).toBe(positionOf(after));
    expect(old !== undefined && consumer.settle(old, "ack")).toBe(false);
  });

  it("holds on to what it has handed out when the connection is gone for longer than a lease", async () => {
    const { subject, consumer } = await topicWithConsumer();
    await publish(subject, 5);
    const held = await receiveCount(consumer, 5);
    await proxy.cut();
    await pause(ACK_WAIT_SECONDS * 1_500);
    ackAll(consumer, held.slice(0, 2)); // without a connection
    await proxy.restore();
    await eventually(() => expect(consumer.state.status).toBe("receiving"));
    const after = await receiveWithPause(consumer, ACK_WAIT_SECONDS * 1_500);
    expect(after).toEqual([]);
    ackAll(consumer, held.slice(2));
    await expectSettled(subject, consumer);
  });

  it("does not hand out again what was acked into a connection that was dead", async () => {
    const { subject, consumer } = await topicWithConsumer();
    await publish(subject, 5);
    const held = await receiveCount(consumer, 5);
    proxy.halfOpen();
    ackAll(consumer, held);
    await eventually(() => expect(consumer.state.status).toBe("reconnecting"), 20_000);
    await proxy.restore();
    expect(await receiveWithPause(consumer, ACK_WAIT_SECONDS * 2_000)).toEqual([]);
    await expectSettled(subject, consumer);
  }, 60_000);

  it("goes on at once after an outage in which acks were lost or could not be sent", async () => {
    const { subject, consumer } = await topicWithConsumer(ACK_WAIT_SECONDS_LONG);
    await publish(subject, 6);
    const held = await receiveCount(consumer, 6);
    proxy.halfOpen();
    ackAll(consumer, held.slice(0, 2)); // lost
    await proxy.cut();
    await eventually(() => expect(consumer.state.status).toBe("reconnecting"));
    ackAll(consumer, held.slice(2, 4)); // without a connection
    await proxy.restore();
    await eventually(() => transport.check());
    await publish(subject, 1);
    expect(await receiveWithPause(consumer, RECOVERY_MS)).toHaveLength(1);
    await consumer.close(soon());
  });

  it("hands out what got lost on its way before what is newer, as soon as its lease is over", async () => {
    const { subject, consumer } = await topicWithConsumer();
    await publish(subject, 1);
    await receiveAndAck(consumer, 1);
    const direct = await openNats(address);
    await pullWaits(subject); // into which the lost ones are sent
    proxy.halfOpen();
    const [lost, newer] = [makeEvents(3), makeEvents(2)];
    await direct.publisher(subject).publish(lost, soon());
    await pause(ACK_WAIT_SECONDS * 500);
    await proxy.cut();
    await proxy.restore();
    await direct.publisher(subject).publish(newer, soon());
    const began = performance.now();
    expect(idsOf(await receiveAndAck(consumer, 5))).toEqual([...lost, ...newer].map(({ id }) => id));
    expect(performance.now() - began).toBeLessThan(LEASE_AFTER_OUTAGE_MS);
    await direct.close(soon());
    await expectSettled(subject, consumer);
  });

  it("fails what was sent into a connection that broke as unknown, and what comes later as not stored", async () => {
    const { subject } = await topicWithConsumer();
    const publisher = transport.publisher(subject);
    proxy.stall();
    const sent = publisher.publish([makeEvent()], soon());
    await proxy.cut();
    const [lost] = await sent;
    expect(lost).toMatchObject({ ok: false, stored: "unknown", error: { code: "unavailable", retryable: true } });
    const [refused] = await publisher.publish([makeEvent()], soon());
    expect(refused).toMatchObject({ ok: false, stored: "no", error: { code: "unavailable" } });
    await proxy.restore();
    await eventually(async () => expect((await publisher.publish([makeEvent()], soon()))[0]?.ok).toBe(true));
  });

  it("opens without a server, says so, closes at once, and works as soon as there is one", async () => {
    const port = await freePort();
    const lonely = await openNats(`nats://127.0.0.1:${port}`);
    await eventually(() => expect(lonely.check()).rejects.toMatchObject({ code: "unavailable" }));
    const [result] = await lonely.publisher("nowhere").publish([makeEvent()], soon());
    expect(result).toMatchObject({ ok: false, stored: "no", error: { code: "unavailable" } });
    const late = await FaultProxy.open(Number(new URL(address).port), port);
    await eventually(() => lonely.check());
    await lonely.close(soon(2_000));
    await late.close();
    const another = await openNats(`nats://127.0.0.1:${port}`);
    await another.close(soon(2_000));
  });

  async function topicWithConsumer(
    ackWaitSeconds = ACK_WAIT_SECONDS,
  ): Promise<{ subject: string; consumer: Consumer }> {
    const subject = uniqueName();
    await eventually(() => transport.check());
    await transport.provision(subject, topicSettings({ options: { ackWaitSeconds } }));
    await transport.createGroup(subject, "group", { at: "latest" });
    return { subject, consumer: transport.consumer(subject, "group", { matcher: EVERYTHING }) };
  }

  async function publish(subject: string, count: number): Promise<readonly PublishResult[]> {
    const results = await transport.publisher(subject).publish(makeEvents(count), soon());
    for (const result of results) expect(result.ok).toBe(true);
    return results;
  }

  async function pullWaits(subject: string): Promise<void> {
    await eventually(async () => {
      const { num_waiting, num_ack_pending } = await manager.consumers.info(escapeName(subject), "group");
      expect([num_waiting, num_ack_pending]).toEqual([1, 0]);
    });
  }

  /** The server has nothing left for the group, neither unread nor unsettled. */
  async function expectSettled(subject: string, consumer: Consumer): Promise<void> {
    await eventually(async () => {
      const { num_pending, num_ack_pending } = await manager.consumers.info(escapeName(subject), "group");
      expect([num_pending, num_ack_pending]).toEqual([0, 0]);
    }, ACK_WAIT_SECONDS * 5_000);
    await consumer.close(soon());
  }
});

function positionOf(result: PublishResult | undefined): string | undefined {
  return result?.ok ? result.position : undefined;
}

async function receiveWithPause(consumer: Consumer, ms: number): Promise<string[]> {
  return idsOf(await consumer.receive(100, AbortSignal.timeout(ms)));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
