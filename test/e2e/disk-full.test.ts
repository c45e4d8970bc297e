/**
 * A disk that fills up under a running bus. Publishes are refused before parking and positions are in danger, what was
 * accepted goes on being delivered, and with room again everything works as before. Needs leave to mount a tmpfs.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { QUICK_RETRY, statusBecomes, subscribe, unique } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { call, json, publish } from "../support/http.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

failOnLeaks();

const DISK_BYTES = 64 * 2 ** 20;

async function smallDisk(context: TestContext): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "pulsebus-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", path], { stdio: "ignore" });
  } catch {
    await rm(path, { recursive: true });
    context.skip("this machine does not let a tmpfs be mounted");
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync("umount", [path]);
      await rm(path, { recursive: true });
    },
  };
}

/** Takes room until only `leftBytes` are free. */
async function fill(directory: string, leftBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const filler = Buffer.alloc(Math.max(0, bavail * bsize - leftBytes));
  await writeFile(join(directory, "filler"), filler).catch((error: NodeJS.ErrnoException) => {
    // The bus was quicker: the disk is as full as it gets.
    if (error.code !== "ENOSPC") throw error;
  });
}

describe("a disk that fills up", () => {
  it.for([
    ["less than minFreeBytes", 6 * 2 ** 20],
    ["nothing", 0],
  ] as const)(
    "to %s left refuses publishes, keeps delivering, and takes events again when there is room",
    async ([, leftBytes], context) => {
      await using disk = await smallDisk(context);
      let isDown = true;
      await using sink = await startReceiver(() => (isDown ? 503 : 204));
      await using bus = await startPulsebus({
        dataDir: join(disk.path, "data"),
        args: ["--set", "storage.minFreeBytes=16MiB"],
      });
      const topic = unique("full");
      const id = await subscribe(bus.url, { topic, sink: sink.url(), delivery: { retry: QUICK_RETRY } });
      const accepted: string[] = [];
      const offer = async (event: string) => {
        const reply = await publish(bus.url, topic, { id: event, data: "x".repeat(10_000) });
        if (reply.status === 202) accepted.push(event);
        return reply;
      };
      for (let n = 0; n < 20; n++) expect((await offer(`before-${n}`)).status).toBe(202);

      await fill(disk.path, leftBytes);
      const refused = await eventually(async () => {
        const reply = await offer(`during-${accepted.length}`);
        expect(reply.status).toBe(503);
        return reply;
      });
      expect(json<{ type: string }>(refused).type).toMatch(/storage-full$/);
      expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);

      isDown = false;
      if (leftBytes > 0) await statusBecomes(bus.url, id, { parked: 0, backlog: 0 });

      await truncate(join(disk.path, "filler"));
      await eventually(async () => expect((await offer(`after-${accepted.length}`)).status).toBe(202));
      await statusBecomes(bus.url, id, { parked: 0, backlog: 0, inFlight: 0, deadLetters: 0 });
      expect([...new Set(sink.ids())].sort()).toEqual([...accepted].sort());
      await call(bus.url, "GET", "/readyz");
    },
  );
});
