import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { BILLING, deadOf, parkOf } from "./samples.ts";
import type { StoreCase, Subject } from "./subject.ts";

const KILLED_PROCESS = new URL("killed-process.ts", import.meta.url).pathname;
/** Deliveries that the process parks in one call. */
const CALL_ROWS = 3;

/** Lets another process park until it is killed in the middle; answers the calls that it was told are done. */
async function parkUntilKilled({ kind, location }: Subject): Promise<string[][]> {
  const child = spawn(process.execPath, [KILLED_PROCESS, kind.module.href, location, BILLING, String(CALL_ROWS)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const calls: string[][] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    calls.push(line.split(" "));
    if (calls.length === 100) child.kill("SIGKILL");
  }
  await exit;
  return calls;
}

export const durabilityCases: readonly StoreCase[] = [
  {
    name: "has everything again after it was closed",
    async run(subject) {
      const [park, dead] = [parkOf(BILLING), deadOf(BILLING)] as const;
      const topic = { name: "orders", revision: 3, json: "{}" };
      await Promise.all([
        subject.store.park([park]),
        subject.store.deadLetter([dead]),
        subject.store.putResource("topic", topic),
      ]);
      const before = [await subject.store.get(BILLING, park.id), await subject.store.get(BILLING, dead.id)];
      const store = await subject.reopen();
      assert.deepEqual([await store.get(BILLING, park.id), await store.get(BILLING, dead.id)], before);
      assert.deepEqual(await store.resources("topic"), [topic]);
    },
  },
  {
    name: "is opened again and again without harm to its tables",
    async run(subject) {
      const park = parkOf(BILLING);
      await subject.store.park([park]);
      for (let round = 0; round < 3; round++) await subject.reopen();
      assert.equal((await subject.store.get(BILLING, park.id))?.state, "parked");
    },
  },
  {
    name: "has every call that a killed process was told of, and no half of any other",
    async run(subject) {
      await subject.close();
      const calls = await parkUntilKilled(subject);
      assert(calls.length >= 100);
      const store = await subject.reopen();
      const told = calls.flat();
      assert.equal((await store.existing(told)).size, told.length);
      assert.equal((await store.counts(BILLING)).parked % CALL_ROWS, 0);
      const row = await store.get(BILLING, told.at(-1) ?? "");
      assert.deepEqual([row?.state, row?.history.length], ["parked", 1]);
    },
  },
];
