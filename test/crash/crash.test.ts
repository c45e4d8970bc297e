import { describe, expect, it } from "vitest";
import { failOnLeaks } from "../support/leaks.ts";
import { Ledger } from "./ledger.ts";
import { OrderProof } from "./order-proof.ts";
import { runCrash } from "./run.ts";
import { ScheduleProof } from "./schedule-proof.ts";

failOnLeaks();

const KILLS = 10;
const EVERYTHING = { stream: "orders", matches: () => true, isForwarded: false };

describe("kill -9 under load", () => {
  it("loses nothing that was accepted, and repeats only what was open or unflushed", { timeout: 180_000 }, async () => {
    const report = await runCrash({ kills: KILLS, seed: Date.now() % 100_000, progress: () => {} });
    expect(report.violations).toEqual([]);
    expect(report.accepted).toBeGreaterThan(KILLS);
    expect(report.deliveries).toBeGreaterThan(report.accepted);
    expect(report.keyedDeliveries).toBeGreaterThan(KILLS);
    expect(report.scheduledDeliveries).toBeGreaterThan(KILLS);
  });
});

describe("the ledger", () => {
  function ledgerWith(outcome: "accepted" | "refused" | "unknown"): Ledger {
    const ledger = new Ledger(100);
    ledger.addSink("all", EVERYTHING);
    ledger.addSink("other", { ...EVERYTHING, stream: "other" });
    ledger.publishing("1", "orders", "t");
    ledger.answered("1", outcome);
    return ledger;
  }

  it("finds an accepted event that never came", () => {
    const ledger = ledgerWith("accepted");
    expect(ledger.owed).toBe(1);
    expect(ledger.verdict().violations).toEqual(["all never received 1"]);
  });

  it("owes nothing for an event of unknown outcome, one that does not match, or a retired sink", () => {
    expect(ledgerWith("unknown").verdict().violations).toEqual([]);
    const retired = ledgerWith("accepted");
    retired.retireSink("all");
    expect(retired.verdict().violations).toEqual([]);
  });

  it.each([
    ["an event of another stream", "accepted", "other", "1", "other received 1 of orders"],
    ["an event that was refused", "refused", "all", "1", "all received 1, which was refused"],
    ["an event that nobody published", "unknown", "all", "2", "all received 2, which nobody published"],
  ] as const)("finds %s", (_, outcome, sink, id, sentence) => {
    const ledger = ledgerWith(outcome);
    ledger.received(sink, id, 1, 0);
    expect(ledger.verdict().violations).toContain(sentence);
  });

  it("finds a duplicate without a crash, and one that was neither open nor unflushed", () => {
    const same = ledgerWith("accepted");
    same.received("all", "1", 1, 0);
    same.received("all", "1", 1, 1);
    expect(same.verdict().violations).toContain("all received 1 twice without a crash between");

    const late = ledgerWith("accepted");
    late.received("all", "1", 1, 0);
    late.crashed(1, 500);
    late.received("all", "1", 2, 600);
    expect(late.verdict()).toMatchObject({
      duplicates: 1,
      duplicateAgeMaxMs: 500,
      violations: ["all received 1 events again after crash 1, of which 0 were open or unflushed"],
    });
  });

  it("allows a duplicate of what was unflushed", () => {
    const ledger = ledgerWith("accepted");
    ledger.received("all", "1", 1, 450);
    ledger.crashed(1, 500);
    ledger.received("all", "1", 2, 600);
    expect(ledger.verdict()).toMatchObject({ duplicates: 1, duplicatesWorst: 1, violations: [] });
  });
});

describe("the proof of order", () => {
  function proofOf(deliveries: readonly (readonly [id: string, epoch: number])[]): readonly string[] {
    const proof = new OrderProof();
    for (const id of ["a1", "b1", "a2"]) proof.publishing(id, id.slice(0, 1));
    for (const [id, epoch] of deliveries) {
      proof.attempting("sink", id);
      proof.attempted("sink", id, epoch, true);
    }
    return proof.verdict().violations;
  }

  it("finds a first delivery after a later one of its key", () => {
    expect(
      proofOf([
        ["a2", 1],
        ["a1", 2],
      ]),
    ).toEqual(["sink: event 0, of a, came after a later one of its key"]);
  });

  it("finds what a process repeats out of order", () => {
    const deliveries = [
      ["a1", 1],
      ["a2", 1],
      ["a2", 2],
      ["a1", 2],
    ] as const;
    expect(proofOf(deliveries)).toEqual(["sink: event 0, of a, was repeated out of order"]);
  });

  it("allows keys in any order, and what a crash repeats in order", () => {
    expect(
      proofOf([
        ["b1", 1],
        ["a1", 1],
        ["a2", 1],
        ["a1", 2],
        ["a2", 2],
      ]),
    ).toEqual([]);
  });

  it("finds two attempts of a key at once", () => {
    const proof = new OrderProof();
    for (const id of ["1", "2"]) proof.publishing(id, "a");
    for (const id of ["1", "2"]) proof.attempting("sink", id);
    expect(proof.verdict().violations).toEqual(["sink: event 1, of a, was attempted while 1 was"]);
  });
});

describe("the proof of times", () => {
  function proofOf({ publishedIn, dueAt, receivedAt }: Record<"publishedIn" | "dueAt" | "receivedAt", number>) {
    const proof = new ScheduleProof();
    for (const process of [1, 2]) {
      proof.up(process * 50_000);
      if (process === publishedIn) proof.publishing("1", dueAt);
    }
    proof.received("sink", "1", receivedAt);
    return proof.verdict();
  }

  it("finds an event that comes before its time", () => {
    expect(proofOf({ publishedIn: 1, dueAt: 101_000, receivedAt: 100_999 }).violations).toEqual([
      "sink received 1 1 ms too early",
    ]);
  });

  it("finds an event that is late although no kill delayed it", () => {
    expect(proofOf({ publishedIn: 2, dueAt: 101_000, receivedAt: 103_000 })).toMatchObject({
      latenessMaxMs: 2_000,
      violations: ["sink received 1, which no kill delayed, 2000 ms too late"],
    });
  });

  it("counts only the time since the start for one that a kill delayed", () => {
    const event = { publishedIn: 1, dueAt: 60_000 };
    const soon = proofOf({ ...event, receivedAt: 102_000 });
    expect(soon).toMatchObject({ latenessMaxMs: 0, catchUpMaxMs: 2_000, violations: [] });
    expect(proofOf({ ...event, receivedAt: 130_000 }).violations).toEqual([
      "sink received 1, which was published before the start, 30000 ms too late",
    ]);
  });
});
