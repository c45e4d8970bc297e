import { expect, it } from "vitest";
import { sampleOf } from "../../scripts/demo/sample.ts";
import { describeOwnBroker } from "../support/brokers.ts";
import { failOnLeaks } from "../support/leaks.ts";
import type { ReceivedRequest } from "../support/receiver.ts";
import { Account } from "./clouds/account.ts";
import { type Row, runClouds } from "./clouds/run.ts";

failOnLeaks();

const FAULTS = 8;

describeOwnBroker("nats", "two clouds under faults", (eu) => {
  describeOwnBroker("gcp-pubsub", "one on NATS and one on Pub/Sub", (us) => {
    it("lose and change nothing while brokers, links and buses fail", { timeout: 180_000 }, async () => {
      const rows: Row[] = [];
      const report = await runClouds({
        brokers: { eu, us, usKind: "gcp-pubsub" },
        ...{ rounds: 1, rate: 20, cutMs: 500, awayMs: 500, quietMs: 1_000 },
        onRow: (row) => rows.push(row),
      });
      expect(rows).toHaveLength(FAULTS);
      expect(report).toMatchObject({ missing: 0, changed: 0, late: 0, arrived: 2 * report.published });
      expect(report.published).toBeGreaterThan(100);
    });
  });
});

it("the account finds what is owed, changed and repeated", () => {
  const account = new Account(["eu", "us"]);
  for (const number of [0, 1]) {
    account.publishing(`eu-${number}`, "eu", number);
    account.accepted(`eu-${number}`);
  }
  account.received("us", delivery(0));
  account.received("us", delivery(0));
  account.received("eu", { ...delivery(0), body: Buffer.from("{}") });
  account.received("eu", delivery(2));
  expect(account.counts).toEqual({ published: 2, arrived: 2, missing: 2, changed: 2, duplicates: 1 });
  expect([...account.owed()]).toEqual(["eu-1"]);
});

/** A sample as a webhook in binary mode has it. */
function delivery(number: number): ReceivedRequest {
  const { id, attributes, data } = sampleOf("eu", number);
  const { datacontenttype, ...others } = attributes;
  const headers = Object.entries(others).map(([name, value]) => [`ce-${name}`, encodeURIComponent(value)]);
  return {
    path: "/",
    headers: { ...Object.fromEntries(headers), "content-type": `${datacontenttype}` },
    ...{ body: data, id, at: 0 },
  };
}
