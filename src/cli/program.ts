/**
 * The `pulsebus` command. Each command has a file of its own that is loaded when it is the one asked for, so that
 * `serve` starts without the others; this file knows their names and how a command ends.
 */
import { Command, CommanderError } from "commander";
import { PulsebusError } from "../errors.ts";
import { VERSION } from "../version.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

interface Entry {
  readonly summary: string;
  /** Gives the command its options, help and action. */
  readonly load: () => Promise<(command: Command, context: CommandContext) => void>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  serve: { summary: "run the bus", load: async () => (await import("./serve-command.ts")).defineServe },
  check: {
    summary: "check a configuration and print what it amounts to",
    load: async () => (await import("./check.ts")).defineCheck,
  },
  verify: {
    summary: "check that a transport behaves as its adapter declares",
    load: async () => (await import("./verify.ts")).defineVerify,
  },
  publish: { summary: "publish events", load: async () => (await import("./publish.ts")).definePublish },
  listen: {
    summary: "watch the events of a topic, or send them on to a local address",
    load: async () => (await import("./listen.ts")).defineListen,
  },
  topics: {
    summary: "list, show, create and delete topics",
    load: async () => (await import("./topics.ts")).defineTopics,
  },
  subscriptions: {
    summary: "list, show, create, delete, pause and resume subscriptions",
    load: async () => (await import("./subscriptions.ts")).defineSubscriptions,
  },
  "dead-letters": {
    summary: "list, show, redrive and discard deliveries that were given up",
    load: async () => (await import("./dead-letters.ts")).defineDeadLetters,
  },
  replay: {
    summary: "deliver stored events again",
    load: async () => (await import("./replay.ts")).defineReplay,
  },
  trace: { summary: "say what happened to one event", load: async () => (await import("./trace.ts")).defineTrace },
};

const HELP = `
Every command but serve, check and verify talks to a running server: --url, or PULSEBUS_URL.

Exit status:
  0  done
  1  failed: refused, not found, no server there
  2  called wrongly

Examples:
  $ pulsebus serve
  $ pulsebus listen --topic orders
  $ pulsebus publish --topic orders --type com.example.order.created --data '{"order":1}'`;

/** Runs one command line, without the program's own name; answers the exit status. Never rejects. */
export async function runProgram(argv: readonly string[], context: CommandContext): Promise<number> {
  try {
    const program = await buildProgram(argv, context);
    await program.parseAsync(argv, { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return report(error, context.terminal);
  }
}

async function buildProgram(argv: readonly string[], context: CommandContext): Promise<Command> {
  const { stdout, stderr } = context.terminal;
  const program = new Command("pulsebus")
    .description("A cloud-agnostic event bus on CloudEvents.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError("Run it with --help to see how it is used.")
    .addHelpText("after", HELP);
  const words = argv.filter((word) => !word.startsWith("-"));
  const wanted = words[0] === "help" ? words[1] : words[0];
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(sentence(summary)).summary(summary);
    if (name === wanted) (await load())(command, context);
  }
  return program;
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

/** Tells the user what went wrong, if nobody has yet, and answers the exit status. */
function report(error: unknown, { stderr }: Terminal): number {
  // Commander has printed its message; asking for help is no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CommandFailure) {
    stderr.write(`pulsebus: ${error.message}\n`);
    return error.exitCode;
  }
  const isExpected = error instanceof PulsebusError && error.code !== "internal";
  const text = isExpected || !(error instanceof Error) ? String((error as Error).message ?? error) : error.stack;
  stderr.write(`pulsebus: ${text}\n`);
  return EXIT.failed;
}
