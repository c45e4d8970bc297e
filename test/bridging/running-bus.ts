/** The real program with a configuration, on the brokers of the tests, where it leaves nothing. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { adapters } from "../../adapters/index.ts";
import { deleteTopics } from "../../scripts/demo/delete-topics.ts";
import type { ConfigInput } from "../../src/config/input.ts";
import { loadPlan } from "../../src/config/load.ts";
import { temporaryDirectory } from "../support/open-bus.ts";
import { startPulsebus } from "../support/pulsebus.ts";

export interface RunningBus extends AsyncDisposable {
  readonly url: string;
}

/** Resolves once it listens: its subscriptions miss nothing from then on. */
export async function startBus(configuration: ConfigInput): Promise<RunningBus> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryDirectory());
  const file = join(path, "bus.yaml");
  const text = JSON.stringify(configuration);
  await writeFile(file, text);
  const plan = await loadPlan({
    ...{ file, env: {}, flags: {}, adapters: Object.keys(adapters) },
    readFile: async () => text,
  });
  stack.defer(() => deleteTopics(plan));
  const { url } = stack.use(await startPulsebus({ args: ["--config", file], dataDir: join(path, "data") }));
  const opened = stack.move();
  return { url, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
