/** `pulsebus serve`, as a command; what it runs is handed in by the composition root. */
import type { Command } from "commander";
import { addConfigurationOptions, type ConfigurationOptions, loadOptions } from "./configuration.ts";
import type { CommandContext } from "./context.ts";
import { addExamples } from "./options.ts";

export function defineServe(command: Command, context: CommandContext): void {
  addConfigurationOptions(command).action((options: ConfigurationOptions) =>
    context.serve(loadOptions(options, context)),
  );
  addExamples(command, [
    "pulsebus serve",
    "pulsebus serve --config pulsebus.yaml --data-dir /var/lib/pulsebus",
    "pulsebus serve --host 0.0.0.0 --port 80 --set limits.eventBytes=256KiB",
  ]);
  command.addHelpText(
    "after",
    `
Without a configuration file a publish creates its topic. It listens on other addresses than the
loopback only when told to. Ctrl-C or SIGTERM finishes what is running; a second one stops at once.`,
  );
}
