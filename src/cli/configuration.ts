/** The options that say which configuration runs: the same for `serve` and `check`. */
import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { LoadOptions } from "../config/load.ts";
import type { CommandContext } from "./context.ts";

export interface ConfigurationOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly host?: string;
  readonly port?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly set?: readonly string[];
}

export function addConfigurationOptions(command: Command): Command {
  return command
    .option("--config <file>", "configuration file, YAML or JSON (default: pulsebus.yaml, where there is one)")
    .option("--data-dir <directory>", "where events and deliveries are stored (default: ./data)")
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .option("--port <number>", "port to listen on; 0 takes a free one (default: 8080)", checkPort)
    .option("--set <path=value>", "any other value of the configuration; may be repeated", collect)
    .addOption(new Option("--log-level <level>", "how much is logged").choices(["debug", "info", "warn", "error"]))
    .addOption(new Option("--log-format <format>", "how it looks").choices(["auto", "json", "pretty"]));
}

/** What `loadPlan` needs to know. */
export function loadOptions(options: ConfigurationOptions, { terminal, adapters }: CommandContext): LoadOptions {
  const { config, ...flags } = options;
  return { file: config, env: terminal.env, flags, adapters, readFile: (path) => readFile(path, "utf8") };
}

function checkPort(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return text;
  throw new InvalidArgumentError("It is a number from 0 to 65535.");
}

function collect(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}
