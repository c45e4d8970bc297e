import { describe, expect, it } from "vitest";
import { failOnLeaks } from "../support/leaks.ts";
import { Ledger } from "./ledger.ts";
import { runCrash } from "./run.ts";

failOnLeaks();

const KILLS = 10;
const EVERYTHING = { stream: "orders", matches: () => true, isForwarded: false };

describe("kill -9 under load", () => {
  it("loses nothing that was accepted, and repeats only what was open or unflushed", { timeout: 180_000 }, async () => {
    const report = await runCrash({ kills: KILLS, seed: Date.now() % 100_000, progress: () => {} });
    expect(report.violations).toEqual([]);
    expect(report.accepted).toBeGreaterThan(KILLS);
    expect(report.deliveries).toBeGreaterThan(report.accepted);
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
