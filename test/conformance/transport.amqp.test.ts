import { afterAll, beforeAll } from "vitest";
import { openHarness } from "../adapters/amqp/harness.ts";
import type { BrokerHarness } from "../support/broker-harness.ts";
import { describeBroker } from "../support/brokers.ts";
import { testConformance } from "../support/conformance.ts";

/** A group's queue is a Raft cluster of its own; cases with many of them take their time on a busy machine. */
const CASE_TIMEOUT_MS = 120_000;

await describeBroker("amqp", "the RabbitMQ transport", (url) => {
  let harness: BrokerHarness;

  beforeAll(async () => {
    harness = await openHarness(url);
  });

  afterAll(() => harness.remove());

  testConformance(() => harness, { timeoutMs: CASE_TIMEOUT_MS });
});
