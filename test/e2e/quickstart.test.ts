/** The commands of the documentation, run as they stand there. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runScript } from "../support/documentation.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startPulsebus } from "../support/pulsebus.ts";

failOnLeaks();

const PAGE = new URL("../../docs/idempotent-publish.md", import.meta.url);

describe("the README's first steps", () => {
  it("publish an event, show it delivered, and show a failing webhook retried, dead-lettered and redriven", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("README.md", "quickstart", bus.url);

    expect(stdout.match(/HTTP\/1\.1 202 /g)).toHaveLength(2);
    expect(stdout).toContain('com.example.order.created 1 {"order": 4711}');
    expect(stdout).toMatch(/"reason":"exhausted"/);
    expect(stdout).toContain('{"count":1}');
    // Once for billing, and once for crm after its redrive.
    expect(stdout.match(/com\.example\.order\.created 2 \{"order": ?4712\}/g)).toHaveLength(2);
    const [trace = ""] = /\{"complete":true.*$/.exec(stdout.trim()) ?? [];
    const { occurrences } = JSON.parse(trace) as {
      occurrences: { deliveries: { subscription: string; state: string }[] }[];
    };
    const states = occurrences.flatMap(({ deliveries }) =>
      deliveries.map(({ subscription, state }) => [subscription, state]),
    );
    expect(Object.fromEntries(states)).toEqual({ billing: "delivered", crm: "delivered" });
  });
});

describe("the page about", () => {
  it("idempotent publish: what is published again is answered with the first position, and not stored", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/idempotent-publish.md", "idempotent-publish", bus.url);
    expect(stdout.match(/"duplicate":true/g)).toHaveLength(2);
    expect(stdout.match(/"storedAt"/g)).toHaveLength(3);
    expect(stdout).toContain('pulsebus_events_duplicates_total{topic="payments"} 2\n');
    // The answers are as the page shows them.
    const [, shown = ""] = /```json\n([\s\S]*?)```/.exec(readFileSync(PAGE, "utf8")) ?? [];
    expect(stdout).toContain(shown);
  });

  it("filters: what matches is delivered, and what can't be looked into is counted", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/filters.md", "filters", bus.url);
    expect(stdout.match(/large order: .*/g)).toEqual(['large order: {"total": 250}']);
    expect(stdout).toContain('"filterErrors":1');
    expect(stdout).toContain('"lastFilterError":"filters[0].data: malformedJson"');
  });

  it("transforms: the sink gets what was made of the event, and what failed is a dead letter", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/transforms.md", "transforms", bus.url);
    expect(stdout).toContain('invoice.wanted 1 {"total":12}');
    expect(stdout).toMatch(
      /"reason":"transform","detail":"the transformation failed: .*"type":"order.created".*unknown/,
    );
  });

  it("replies: the answer reaches the one who asked, and nobody else", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/replies.md", "replies", bus.url);
    expect(stdout.match(/answer to .*/g)).toEqual(['answer to q-42 {"sum":42}']);
  });

  it("order by key: a key waits for its first event, another one does not", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/ordering.md", "ordering", bus.url);
    const lines: readonly string[] = stdout.match(/(refused|took) \d-\d/g) ?? [];
    expect(lines.filter((line) => line.includes(" 7-"))).toEqual([
      ...["refused 7-1", "refused 7-1"],
      ...["took 7-1", "took 7-2", "took 7-3"],
    ]);
    expect(lines.indexOf("took 8-1")).toBeLessThan(lines.indexOf("took 7-1"));
  });

  it("protection: a rate limit spreads what was published at once", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/protection.md", "protection", bus.url);
    const seconds = [...stdout.matchAll(/took \d after ([\d.]+) s/g)].map(([, text]) => Number(text));
    expect(seconds).toHaveLength(4);
    expect((seconds[3] ?? 0) - (seconds[0] ?? 0)).toBeGreaterThan(1.2);
  });

  it("scheduling: what asks for a later time comes later, and what is too late is a dead letter", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/scheduling.md", "scheduling", bus.url);
    expect(stdout.match(/took \w+/g)).toEqual(["took now", "took later"]);
    expect(stdout).toMatch(/"reason":"expired".*"id":"late"/);
  });

  it("batches: events share a request, and what its answer lists is sent again", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/batches.md", "batches", bus.url);
    expect(stdout.match(/a request with .*/g)).toEqual(["a request with 1 2 3 4", "a request with 3"]);
  });

  it("pulling: what was released comes again, and its old lock is void", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/pull.md", "pull", bus.url);
    expect(stdout.match(/"attempt":\d/g)).toEqual(['"attempt":1', '"attempt":2']);
    expect(stdout).toContain("acked: 204");
    expect(stdout).toContain("too late: 409");
    expect(stdout).toContain("lock-lost");
  });

  it("replay: a receiver that came later gets what was published before", async () => {
    await using bus = await startPulsebus();
    const stdout = await runScript("docs/replay.md", "replay", bus.url);
    expect(stdout.match(/got .*/g)?.sort()).toEqual(['got {"order": 1}', 'got {"order": 2}', 'got {"order": 3}']);
    expect(stdout).toMatch(/"state":"done".*"scanned":3,"matched":3/);
  });
});
