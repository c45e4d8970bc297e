/** `pulsebus check`: what a configuration amounts to, without running it. Needs no server. */
import type { Command } from "commander";
import { refuseIncapable } from "../config/capability-faults.ts";
import { loadPlan } from "../config/load.ts";
import { describePlan, renderPlan } from "../config/render.ts";
import { warnings } from "../config/warnings.ts";
import { declaredCapabilities } from "./capabilities.ts";
import { addConfigurationOptions, type ConfigurationOptions, loadOptions } from "./configuration.ts";
import type { CommandContext } from "./context.ts";
import { addExamples, addJsonOption } from "./options.ts";
import { Output } from "./output.ts";

interface CheckOptions extends ConfigurationOptions {
  readonly json?: boolean;
}

export function defineCheck(command: Command, context: CommandContext): void {
  addJsonOption(addConfigurationOptions(command)).action(async ({ json, ...options }: CheckOptions) => {
    const output = new Output(context.terminal, json === true);
    const plan = await loadPlan(loadOptions(options, context));
    const capabilities = await declaredCapabilities(plan.transports, context);
    refuseIncapable(plan, capabilities);
    for (const warning of warnings(plan, capabilities)) output.note(`warning: ${warning}`);
    output.result(describePlan(plan), renderPlan(plan).trimEnd());
  });
  addExamples(command, [
    "pulsebus check --config pulsebus.yaml",
    "pulsebus check --config pulsebus.yaml --set server.port=9090 --json",
  ]);
  command.addHelpText(
    "after",
    "\nWhat it prints is a configuration itself, with every default filled in and secrets covered.",
  );
}
