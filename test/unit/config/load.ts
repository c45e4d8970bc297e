/** Loads a configuration from text, as if it were `pulsebus.yaml` in the working directory; none is no file. */
import { type LoadOptions, loadPlan } from "../../../src/config/load.ts";
import type { Plan } from "../../../src/config/plan.ts";

export function load(text: string | undefined, options: Partial<LoadOptions> = {}): Promise<Plan> {
  return loadPlan({
    env: {},
    flags: {},
    adapters: ["embedded"],
    readFile: async (path) => {
      if (path === "pulsebus.yaml" && text !== undefined) return text;
      throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: "ENOENT" });
    },
    ...options,
  });
}
