/** Runs one command of the CLI in this process, with a terminal of the test's own. */
import { PassThrough } from "node:stream";
import { CAPABILITIES } from "../../adapters/embedded/adapter.ts";
import type { CommandContext } from "../../src/cli/context.ts";
import { runProgram } from "../../src/cli/program.ts";

export interface CommandRun {
  readonly exitCode: Promise<number>;
  readonly stdin: PassThrough;
  stdout(): string;
  stderr(): string;
  /** The JSON lines that were printed. */
  documents<Document>(): Document[];
  interrupt(): void;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What a pipe brings; without it the input is a terminal. */
  readonly input?: string | Buffer;
  readonly serve?: CommandContext["serve"];
  readonly verify?: CommandContext["verify"];
}

export function startCommand(
  argv: readonly string[],
  { env = {}, input, serve, verify }: CommandOptions = {},
): CommandRun {
  const stdin = Object.assign(new PassThrough(), { isTTY: input === undefined });
  if (input !== undefined) stdin.end(input);
  const [stdout, stderr] = [collect(), collect()];
  const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<void>();
  const terminal = { env, stdin, stdout: stdout.stream, stderr: stderr.stream, interrupted: () => interrupted };
  const exitCode = runProgram(argv, {
    terminal,
    adapters: ["embedded"],
    capabilities: async () => CAPABILITIES,
    serve: serve ?? (async () => {}),
    verify: verify ?? async function* () {},
  });
  const documents = <Document>() =>
    stdout
      .text()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Document);
  return { exitCode, stdin, stdout: stdout.text, stderr: stderr.text, documents, interrupt };
}

/** Runs a command to its end. */
export async function runCommand(argv: readonly string[], options?: CommandOptions) {
  const run = startCommand(argv, options);
  return { exitCode: await run.exitCode, stdout: run.stdout(), stderr: run.stderr(), documents: run.documents };
}

function collect(): { readonly stream: PassThrough; readonly text: () => string } {
  const stream = new PassThrough();
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
  });
  return { stream, text: () => text };
}
