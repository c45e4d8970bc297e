/** Options that several commands share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { Client, DEFAULT_URL } from "./client.ts";
import { Output } from "./output.ts";
import type { Terminal } from "./terminal.ts";

export interface ServerOptions {
  readonly url: string;
  readonly json?: boolean;
}

/** For commands that talk to a running server. */
export function addServerOptions(command: Command, terminal: Terminal): Command {
  const url = terminal.env.PULSEBUS_URL ?? DEFAULT_URL;
  return addJsonOption(
    command.option("--url <url>", "address of the server, or the environment variable PULSEBUS_URL", url),
  );
}

export function addJsonOption(command: Command): Command {
  return command.option("--json", "print JSON, one document a line");
}

export function connect(options: ServerOptions, terminal: Terminal): { client: Client; output: Output } {
  return { client: new Client(options.url), output: new Output(terminal, options.json === true) };
}

/** An option with one of a few values, the first by default. */
export function choice(flags: string, description: string, values: readonly [string, ...string[]]): Option {
  return new Option(flags, description).choices([...values]).default(values[0]);
}

/** Collects an option that may be given several times, each time with one value or several behind commas. */
export function collectList(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...text.split(",").filter((part) => part !== "")];
}

/** Collects `name=value` options; the value may hold `=`. */
export function collectPairs(text: string, previous: readonly Pair[] = []): readonly Pair[] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Write it as name=value.");
  return [...previous, [text.slice(0, at), text.slice(at + 1)]];
}

export type Pair = readonly [name: string, value: string];

/** The part of a help text that shows how to use a command. */
export function addExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`);
}

/** One segment of a path. */
export function segment(name: string): string {
  return encodeURIComponent(name);
}
