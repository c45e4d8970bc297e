/** T1–T8: opening, errors, provisioning. */
import assert from "node:assert/strict";
import { TransportError } from "../port.ts";
import type { ConformanceCase } from "./case.ts";
import { makeEvent } from "./events.ts";
import {
  assertFlows,
  assertRefused,
  assertRejects,
  duringOutage,
  EVERYTHING,
  inTime,
  openConsumer,
  publishAll,
  receiveAndAck,
  soon,
  topicWithGroup,
  untilItResolves,
  untilManageable,
} from "./steps.ts";

export const openingCases: readonly ConformanceCase[] = [
  {
    id: "T1",
    title: "opening a missing address succeeds, and its first publish fails not_found",
    async run(harness) {
      const publisher = harness.transport.publisher(harness.name());
      const results = await inTime(publisher.publish([makeEvent(), makeEvent()], soon()), "publish");
      assert.equal(results.length, 2);
      for (const result of results) assertRefused(result, "not_found");
    },
  },
  {
    id: "T2",
    title: "receiving from a missing address or group fails not_found",
    async run(harness) {
      const missingAddress = openConsumer(harness, harness.name(), harness.name());
      const missingGroup = openConsumer(harness, await harness.address(), harness.name());
      for (const consumer of [missingAddress, missingGroup]) {
        const { signal } = new AbortController();
        await assertRejects(consumer.receive(1, signal), "not_found", "receive");
        await consumer.close(soon());
      }
    },
  },
  {
    id: "T3",
    title: "an error has a portable code and its retryability, and tells no secret",
    async run(harness) {
      const { transport, secrets } = harness;
      const work = [
        transport.stats(harness.name(), harness.name()),
        transport.createGroup(harness.name(), harness.name(), { at: "latest" }),
        transport.topicStats(harness.name()),
      ];
      for (const outcome of await inTime(Promise.allSettled(work), "three failing calls")) {
        assert.equal(outcome.status, "rejected");
        const error: unknown = outcome.reason;
        assert.ok(error instanceof TransportError, "a TransportError");
        assert.equal(error.code, "not_found");
        assert.equal(error.retryable, false);
        for (const secret of secrets) assert.ok(!`${error.message}${error.stack}`.includes(secret), "tells a secret");
      }
    },
  },
  {
    id: "T5",
    title: "of two transports, what one does and its end do not touch the other",
    async run(harness) {
      const { address, group } = await topicWithGroup(harness);
      const { transport: other, dispose } = await harness.open();
      const otherAddress = harness.name();
      await other.provision(otherAddress, { ...harness.settings, mode: "structured" });
      await other.createGroup(otherAddress, group, { at: "latest" });
      const consumer = openConsumer(harness, address, group);
      await assertFlows(other, otherAddress, other.consumer(otherAddress, group, { matcher: EVERYTHING }));
      await assertFlows(harness.transport, address, consumer);
      await other.deprovision(otherAddress);
      await inTime(other.close(soon()), "close");
      await dispose();
      await assertFlows(harness.transport, address, consumer);
    },
  },
  {
    id: "T7",
    title: "provision is idempotent, takes new settings, and keeps events and groups; deprovision is idempotent",
    async run(harness) {
      const { transport, settings } = harness;
      const { address, group } = await topicWithGroup(harness);
      const event = makeEvent();
      await publishAll(harness, address, [event]);
      await transport.provision(address, settings);
      await transport.provision(address, { ...settings, whenFull: "dropOldest" });
      await transport.createGroup(address, group, { at: "latest" }); // which exists, before the event
      const consumer = openConsumer(harness, address, group);
      await receiveAndAck(consumer, 1);
      await consumer.close(soon());
      await transport.deprovision(address);
      await transport.deprovision(address);
      const [result] = await transport.publisher(address).publish([makeEvent()], soon());
      assertRefused(result, "not_found");
    },
  },
  {
    id: "T8",
    title: "check tells the truth",
    async run(harness) {
      const { transport } = harness;
      await inTime(transport.check(), "check");
      if (harness.outage === undefined) return;
      await duringOutage(harness, "cut", () => assert.rejects(inTime(transport.check(), "check in an outage")));
      await untilItResolves(() => transport.check(), "check");
      await untilManageable(harness);
    },
  },
];
