/** Compiles the transformations of a configuration, which takes the process that runs them: only when there are any. */
import { joinPointer } from "../pointer.ts";
import { systemClock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Faults } from "./faults.ts";
import type { Plan } from "./plan.ts";

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export async function checkTransforms({ subscriptions }: Plan, faults: Faults): Promise<void> {
  const transforming = subscriptions.filter(({ transform }) => transform !== undefined);
  if (transforming.length === 0) return;
  const { openTransformer } = await import("../transform/transformer.ts");
  const transformer = openTransformer(systemClock, QUIET);
  for (const { id, transform = "" } of transforming) {
    await faults.attemptAsync(() => transformer.check(transform, joinPointer("/subscriptions", id, "transform")));
  }
  await transformer.close();
}
