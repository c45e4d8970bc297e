import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import type { Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { eventOf, openTransport, receive, soon, through, topicWithGroup } from "./rabbit.ts";
import { Tap } from "./tap.ts";

/** connection.blocked with a reason, and connection.unblocked. */
const CONNECTION = 10;
const BLOCKED = 60;
const UNBLOCKED = 61;

function shortString(text: string): Buffer<ArrayBuffer> {
  return Buffer.from([text.length, ...Buffer.from(text)]);
}

await describeBroker("amqp", "what differs between brokers", (url) => {
  describe("a broker with small frames", () => {
    it("gets an event whose attributes do not fit one frame in structured mode", async () => {
      const frameMax = [Buffer.from([0x00, 0x02, 0x00, 0x00]), Buffer.from([0x00, 0x00, 0x20, 0x00])] as const;
      const tap = await Tap.open(url, { handshake: [frameMax] });
      const transport = await openTransport(through(tap, url));
      const { address, publisher, consumer } = await topicWithGroup(transport);
      const wide = makeEvent({ attributes: [["ext", "x".repeat(20_000)]], data: Buffer.from("data") });
      const narrow = makeEvent({ attributes: [["ext", "x"]] });
      expect((await publisher.publish([wide, narrow], soon())).map(({ ok }) => ok)).toEqual([true, true]);
      expect(tap.sent).toContain("application/cloudevents+json");
      const items = await receive(consumer, 2);
      expect(items.map(eventOf).map(({ id }) => id)).toEqual([wide.id, narrow.id]);
      expect(items.map(eventOf)[0]?.attributes).toEqual(expect.arrayContaining([...wide.attributes]));
      await transport.deprovision(address);
      await transport.close(soon());
      await tap.close();
    });
  });

  describe("a broker with a resource alarm", () => {
    let tap: Tap;
    let transport: Transport;

    beforeAll(async () => {
      tap = await Tap.open(url);
      transport = await openTransport(through(tap, url));
    });

    afterAll(async () => {
      await transport.close(soon());
      await tap.close();
    });

    it("refuses publishes as throttled, shows it in check and state, and goes on after it", async () => {
      const { address, publisher, consumer } = await topicWithGroup(transport);
      expect(await publisher.publish([makeEvent()], soon())).toMatchObject([{ ok: true }]);
      await receive(consumer, 1);
      tap.sendMethod(CONNECTION, BLOCKED, shortString("low on memory"));
      await eventually(async () => expect(transport.check()).rejects.toMatchObject({ code: "throttled" }));
      const [refused] = await publisher.publish([makeEvent()], soon());
      expect(refused).toMatchObject({ ok: false, stored: "no", error: { code: "throttled", retryable: true } });
      expect(consumer.state.error?.message).toContain("low on memory");
      tap.sendMethod(CONNECTION, UNBLOCKED);
      await eventually(async () => expect(transport.check()).resolves.toBeUndefined());
      expect(await publisher.publish([makeEvent()], soon())).toMatchObject([{ ok: true }]);
      await transport.deprovision(address);
    });

    it("is what an unconfirmed publish tells when its time is over", async () => {
      const { address, publisher } = await topicWithGroup(transport);
      await publisher.publish([makeEvent()], soon());
      // What the client sent before it heard of the alarm is not read by the broker.
      const late = publisher.publish([makeEvent()], Date.now() - 1);
      tap.sendMethod(CONNECTION, BLOCKED, shortString("low on disk"));
      const [result] = await late;
      expect(result).toMatchObject({ ok: false });
      tap.sendMethod(CONNECTION, UNBLOCKED);
      await eventually(async () => expect(transport.check()).resolves.toBeUndefined());
      await transport.deprovision(address);
    });
  });
});
