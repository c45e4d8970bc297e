import { afterAll, beforeAll, it } from "vitest";
import { runCase } from "../../src/transport/conformance/case.ts";
import { conformanceCases } from "../../src/transport/conformance/cases.ts";
import { type OpenHarness, openHarness } from "../adapters/amqp/harness.ts";
import { describeBroker } from "../support/brokers.ts";

/** A group's queue is a Raft cluster of its own; cases with many of them take their time on a busy machine. */
const CASE_TIMEOUT_MS = 120_000;

await describeBroker("amqp", "the RabbitMQ transport", (url) => {
  let open: OpenHarness;

  beforeAll(async () => {
    open = await openHarness(url);
  });

  afterAll(() => open.close());

  for (const conformanceCase of conformanceCases) {
    it(`${conformanceCase.id}: ${conformanceCase.title}`, { timeout: CASE_TIMEOUT_MS }, async ({ skip }) => {
      if ((await runCase(conformanceCase, open.harness)) === "skipped") skip("RabbitMQ can't show it");
    });
  }
});
