import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe } from "vitest";
import type { Harness } from "../../src/transport/conformance/case.ts";
import { EmbeddedLog, SETTINGS } from "../adapters/embedded/log.ts";
import { testConformance } from "../support/conformance.ts";

/** What a case needs at most: many restarts with both threads, on a machine that does other things as well. */
const CASE_TIMEOUT_MS = 60_000;

describe("the embedded transport", () => {
  let log: EmbeddedLog;
  let harness: Harness;

  beforeAll(async () => {
    log = await EmbeddedLog.open();
    harness = harnessOf(log);
  });

  afterAll(() => log.remove());

  testConformance(() => harness, { timeoutMs: CASE_TIMEOUT_MS });
});

function harnessOf(log: EmbeddedLog): Harness {
  return {
    get transport() {
      return log.transport;
    },
    address: () => log.topic(),
    name: () => `name-${randomUUID()}`,
    settings: SETTINGS,
    quietMs: 50,
    secrets: [log.directory],
    async open() {
      const other = await EmbeddedLog.open();
      return { transport: other.transport, dispose: () => other.remove() };
    },
    restart: () => log.restart(),
  };
}
