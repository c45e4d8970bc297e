/** Leaves nothing of the demo on the brokers. */
import { adapters } from "../../adapters/index.ts";
import { validateAdapterSettings } from "../../src/config/adapter-settings.ts";
import type { Plan } from "../../src/config/plan.ts";
import { systemClock } from "../../src/runtime/clock.ts";

const CLOSE_MS = 1_000;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** Deletes the native topics of a plan on all of its transports, with everything that hangs on them. */
export async function deleteTopics({ transports, topics, busId }: Plan): Promise<void> {
  for (const { name, adapter: technology, settings } of transports) {
    const { adapter } = (await adapters[technology]?.()) ?? {};
    if (adapter === undefined) continue; // the embedded log goes with its directory
    const valid = validateAdapterSettings(adapter.schema, "", settings, `/transports/${name}`);
    const transport = await adapter.open(valid, { name, busId, clock: systemClock, logger: SILENT });
    try {
      for (const topic of topics.filter(({ transport }) => transport === name)) {
        await transport.deprovision(topic.address);
      }
    } finally {
      await transport.close(systemClock.now() + CLOSE_MS);
    }
  }
}
