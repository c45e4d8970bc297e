/** `pulsebus replay`: deliver stored events again, and see how far that is. */
import { type Command, InvalidArgumentError } from "commander";
import { timestampProblem } from "../event/timestamp.ts";
import type { CommandContext } from "./context.ts";
import { usageFailure } from "./failure.ts";
import { addExamples, addServerOptions, connect, type ServerOptions, segment } from "./options.ts";
import type { Column } from "./output.ts";
import type { ReplayResource } from "./resources.ts";

interface ReplayOptions extends ServerOptions {
  readonly from?: string;
  readonly to?: string;
  readonly rate?: number;
  readonly list?: boolean;
  readonly cancel?: string;
}

const COLUMNS: readonly Column<ReplayResource>[] = [
  { title: "replay", value: ({ id }) => id },
  { title: "state", value: ({ state, reason }) => (reason === null ? state : `${state} (${reason})`) },
  { title: "read", value: ({ scanned }) => scanned },
  { title: "matched", value: ({ matched }) => matched },
  { title: "started", value: ({ startedAt }) => startedAt },
  { title: "ended", value: ({ endedAt }) => endedAt },
];

export function defineReplay(command: Command, { terminal }: CommandContext): void {
  addServerOptions(command.argument("<subscription>"), terminal)
    .option("--from <place>", "begin there: earliest, a time (RFC 3339), or a position as the log shows it")
    .option("--to <place>", "end with that time or position (default: with what is stored now)")
    .option("--rate <number>", "events a second, at most", readRate)
    .option("--list", "list the replays of the subscription instead")
    .option("--cancel <replay>", "have one of them read no further instead")
    .action((subscription: string, options: ReplayOptions) => {
      const connection = connect(options, terminal);
      const ways = [options.from, options.list, options.cancel].filter((way) => way !== undefined);
      if (ways.length !== 1) throw usageFailure("say what to do, in one way: --from, --list or --cancel");
      if (options.list === true) return list(subscription, connection);
      return options.cancel === undefined
        ? start(subscription, options, connection)
        : cancel(subscription, options.cancel, connection);
    });
  addExamples(command, [
    "pulsebus replay billing --from earliest",
    "pulsebus replay billing --from 2026-01-31T12:00:00Z --to 2026-01-31T13:00:00Z --rate 50",
    "pulsebus replay billing --list",
    "pulsebus replay billing --cancel 5f0c8f6e-6a6c-4f7e-9a43-6f0f5f0f7a11",
  ]);
}

type Connection = ReturnType<typeof connect>;

async function start(
  subscription: string,
  { from, to, rate }: ReplayOptions,
  { client, output }: Connection,
): Promise<void> {
  const request = { from: placeOf(from), to: placeOf(to), perSecond: rate };
  const replay = await client.send<ReplayResource>("POST", `${pathOf(subscription)}/replay`, request);
  output.result(replay, `replay ${replay.id} of subscription ${subscription} is ${replay.state}`);
}

async function list(subscription: string, { client, output }: Connection): Promise<void> {
  const replays = client.list<ReplayResource>(`${pathOf(subscription)}/replays`);
  await output.list(replays, COLUMNS, `subscription ${subscription} has no replays`);
}

async function cancel(subscription: string, id: string, { client, output }: Connection): Promise<void> {
  const path = `${pathOf(subscription)}/replays/${segment(id)}/cancel`;
  const replay = await client.send<ReplayResource>("POST", path, undefined);
  output.result(replay, `replay ${id} is ${replay.state}: ${replay.matched} events were read to be delivered`);
}

/** No position looks like a time. */
function placeOf(text: string | undefined): unknown {
  if (text === undefined || text === "earliest") return text;
  return timestampProblem(text) === undefined ? { time: text } : { position: text };
}

function readRate(text: string): number {
  const rate = Number(text);
  if (text.trim() !== "" && rate > 0) return rate;
  throw new InvalidArgumentError("Write a number of events a second, such as 50 or 0.5.");
}

function pathOf(subscription: string): string {
  return `/subscriptions/${segment(subscription)}`;
}
