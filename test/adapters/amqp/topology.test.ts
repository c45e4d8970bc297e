import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import type { Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import {
  openConsumer,
  openNative,
  openTransport,
  receive,
  SETTINGS,
  soon,
  topicWithGroup,
  uniqueName,
} from "./rabbit.ts";

const LATEST = { at: "latest" } as const;

await describeBroker("amqp", "topics and groups on RabbitMQ", (url) => {
  let transport: Transport;
  let native: Awaited<ReturnType<typeof openNative>>;

  beforeAll(async () => {
    transport = await openTransport(url);
    native = await openNative(url);
  });

  afterAll(async () => {
    await native.close();
    await transport.close(soon());
  });

  describe("an event that no queue would get", () => {
    it("is refused as not stored, alone and among others of a topic that gets its first group", async () => {
      const address = uniqueName();
      await transport.provision(address, SETTINGS);
      const publisher = transport.publisher(address);
      const [refused] = await publisher.publish([makeEvent()], soon());
      expect(refused).toMatchObject({ ok: false, stored: "no", error: { code: "unavailable", retryable: true } });
      await transport.createGroup(address, "first", LATEST);
      expect(await publisher.publish([makeEvent()], soon())).toMatchObject([{ ok: true }]);
      await transport.deprovision(address);
    });

    it("is confirmed where the topic says that it need not be routed", async () => {
      const address = uniqueName();
      await transport.provision(address, { ...SETTINGS, options: { mandatory: false } });
      expect(await transport.publisher(address).publish([makeEvent()], soon())).toMatchObject([{ ok: true }]);
      await transport.deprovision(address);
    });
  });

  it("refuses what a full queue does not take, and stores nothing of its key after it", async () => {
    const queueArguments = { "x-max-length": 2, "x-overflow": "reject-publish" };
    const { address, publisher } = await topicWithGroup(transport, { options: { queueArguments } });
    const keyed = () => makeEvent({ attributes: [["partitionkey", "one"]] });
    const results: unknown[] = [];
    // A quorum queue takes some more before it tells its publishers.
    for (let call = 0; call < 50; call += 1)
      results.push(...(await publisher.publish([keyed(), keyed(), keyed()], soon())));
    expect(results).toContainEqual(expect.objectContaining({ error: expect.objectContaining({ code: "throttled" }) }));
    const first = results.findIndex((result) => (result as { ok: boolean }).ok === false);
    const restOfCall = results.slice(first + 1, Math.ceil((first + 1) / 3) * 3);
    for (const result of restOfCall)
      expect(result).toMatchObject({ ok: false, error: { code: "aborted" }, stored: "no" });
    await transport.deprovision(address);
  });

  describe("what exists with other settings", () => {
    it("is refused with the difference and what to do", async () => {
      const address = uniqueName();
      await transport.provision(address, SETTINGS);
      await transport.createGroup(address, "group", LATEST);
      const differs = { ...SETTINGS, options: { exchangeType: "topic" } };
      await expect(transport.provision(address, differs)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringMatching(/exists with other settings.*inequivalent arg 'type'.*provision: false/s),
      });
      await transport.provision(address, { ...SETTINGS, options: { queueArguments: { "x-max-length": 9 } } });
      await expect(transport.createGroup(address, "group", LATEST)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining("x-max-length"),
      });
      await transport.deprovision(address);
    });

    it("is used as it is where the operator owns it, and looked up only", async () => {
      const address = uniqueName();
      const owned = { ...SETTINGS, provision: false };
      await expect(transport.provision(address, owned)).rejects.toMatchObject({ code: "not_found" });
      const channel = await native.createChannel();
      await channel.assertExchange(address, "direct");
      await transport.provision(address, owned);
      const missing = openTransport(url).then(async (other) => {
        await other.provision(address, owned);
        return other;
      });
      const other = await missing;
      await expect(other.createGroup(address, "group", LATEST)).rejects.toMatchObject({ code: "not_found" });
      const queue = `pulsebus/${address}/group`;
      await channel.assertQueue(queue);
      await channel.bindQueue(queue, address, "");
      await other.createGroup(address, "group", LATEST);
      const consumer = openConsumer(other, address, "group");
      expect(await other.publisher(address).publish([makeEvent()], soon())).toMatchObject([{ ok: true }]);
      const [item] = await receive(consumer, 1);
      expect(item).toMatchObject({ redelivered: false });
      await other.close(soon());
      await channel.deleteQueue(queue);
      await channel.deleteExchange(address);
      await channel.close();
    });
  });

  it("leaves no queue behind when a group is created on a topic that is missing", async () => {
    const address = uniqueName();
    await expect(transport.createGroup(address, "group", LATEST)).rejects.toMatchObject({ code: "not_found" });
    await transport.provision(address, SETTINGS);
    await expect(transport.stats(address, "group")).rejects.toMatchObject({ code: "not_found" });
    await transport.deprovision(address);
  });

  it("refuses an address that no exchange can have", async () => {
    for (const address of ["", "ü".repeat(128), "\ud800"]) {
      await expect(transport.provision(address, SETTINGS)).rejects.toMatchObject({ code: "invalid" });
    }
    await expect(transport.provision(`amq.${randomUUID()}`, SETTINGS)).rejects.toMatchObject({
      code: "permission_denied",
    });
  });

  it("knows a place by cluster, vhost and exchange, the same for every transport", async () => {
    const other = await openTransport(url);
    const place = await transport.place("orders/eu");
    expect(place).toMatch(/^rabbitmq:[^/]+\/%2F\/orders%2Feu$/);
    expect(await other.place("orders/eu")).toBe(place);
    await other.close(soon());
  });

  it("says what it can't do", async () => {
    expect(await transport.progress("a", "g", "p")).toBe("unknown");
  });
});
