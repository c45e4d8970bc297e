import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type Harness, runCase } from "../../src/transport/conformance/case.ts";
import { conformanceCases } from "../../src/transport/conformance/cases.ts";
import { EmbeddedLog, SETTINGS } from "../adapters/embedded/log.ts";

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

  for (const conformanceCase of conformanceCases) {
    it(`${conformanceCase.id}: ${conformanceCase.title}`, { timeout: CASE_TIMEOUT_MS }, async ({ skip }) => {
      if ((await runCase(conformanceCase, harness)) === "skipped") skip("the embedded log can't show it");
    });
  }
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
