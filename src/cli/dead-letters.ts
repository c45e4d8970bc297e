/** `pulsebus dead-letters`: what was given up, and what becomes of it. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { eventText, readEvent } from "./event-text.ts";
import { usageFailure } from "./failure.ts";
import {
  addExamples,
  addServerOptions,
  collectPairs,
  connect,
  type Pair,
  type ServerOptions,
  segment,
} from "./options.ts";
import { type Column, fields, table } from "./output.ts";
import type { AttemptResource, DeliveryResource, DeliveryWithHistory } from "./resources.ts";
import type { Terminal } from "./terminal.ts";

interface FilterOptions extends ServerOptions {
  readonly filter?: readonly Pair[];
}

interface SelectionOptions extends FilterOptions {
  readonly all?: boolean;
}

const FILTER = "only with reason=, type=, source=, eventId=, since= or until=; may be repeated";

const COLUMNS: readonly Column<DeliveryResource>[] = [
  { title: "id", value: ({ id }) => id },
  { title: "reason", value: ({ reason }) => reason },
  { title: "died", value: ({ diedAt }) => diedAt },
  { title: "attempts", value: ({ attempts }) => attempts },
  { title: "status", value: ({ lastStatus }) => lastStatus },
  { title: "event", value: ({ event }) => (event === null ? "(malformed)" : `${event.type} ${event.id}`) },
];

const ATTEMPT_COLUMNS: readonly Column<AttemptResource>[] = [
  { title: "attempt", value: ({ number }) => number },
  { title: "started", value: ({ startedAt }) => startedAt },
  { title: "took", value: ({ durationMs }) => `${Math.round(durationMs)} ms` },
  { title: "outcome", value: ({ outcome }) => outcome },
  { title: "status", value: ({ status }) => status },
  { title: "error", value: ({ error }) => error },
];

export function defineDeadLetters(command: Command, { terminal }: CommandContext): void {
  addServerOptions(command.command("list <subscription>").description("List the dead letters, newest first."), terminal)
    .option("--filter <name=value>", FILTER, collectPairs)
    .action(async (subscription: string, { filter, ...options }: FilterOptions) => {
      const { client, output } = connect(options, terminal);
      const query = new URLSearchParams(Object.fromEntries(filter ?? []));
      const rows = client.list<DeliveryResource>(pathOf(subscription), query);
      await output.list(rows, COLUMNS, `subscription ${subscription} has no dead letters`);
    });

  addServerOptions(
    command.command("show <subscription> <id>").description("Show one dead letter: event, attempts, last answer."),
    terminal,
  ).action(async (subscription: string, id: string, options: ServerOptions) => {
    const { client, output } = connect(options, terminal);
    const deadLetter = await client.read<DeliveryWithHistory>(`${pathOf(subscription)}/${segment(id)}`);
    output.result(deadLetter, deadLetterText(deadLetter));
  });

  defineJob(command, terminal, "redrive", "Deliver dead letters again, their attempts counted from zero.");
  defineJob(command, terminal, "discard", "Delete dead letters for good.");
  addExamples(command, [
    "pulsebus dead-letters list billing",
    "pulsebus dead-letters redrive billing --filter reason=exhausted --filter type=com.example.order.created",
    "pulsebus dead-letters discard billing 3f7c2a1b9d",
    "pulsebus dead-letters redrive billing --all",
  ]);
}

function defineJob(parent: Command, terminal: Terminal, name: "redrive" | "discard", description: string): void {
  addServerOptions(parent.command(`${name} <subscription> [ids...]`).description(description), terminal)
    .option("--filter <name=value>", FILTER, collectPairs)
    .option("--all", "all dead letters of the subscription")
    .action(async (subscription: string, ids: readonly string[], options: SelectionOptions) => {
      const { client, output } = connect(options, terminal);
      const selection = selectionOf(ids, options);
      const job = await client.send<{ readonly count: number }>("POST", `${pathOf(subscription)}/${name}`, selection);
      output.result(job, `${name === "redrive" ? "delivering" : "discarding"} ${job.count} dead letters`);
    });
}

function selectionOf(ids: readonly string[], { filter, all }: SelectionOptions): object {
  const ways = [ids.length > 0, filter !== undefined, all === true].filter(Boolean).length;
  if (ways !== 1) throw usageFailure("say which ones, in one way: ids, --filter or --all");
  if (all === true) return { all };
  return filter === undefined ? { ids } : { filter: Object.fromEntries(filter) };
}

function pathOf(subscription: string): string {
  return `/subscriptions/${segment(subscription)}/dead-letters`;
}

function deadLetterText(deadLetter: DeliveryWithHistory): string {
  const event = deadLetter.event === null ? undefined : readEvent(deadLetter.event);
  const facts = fields([
    ["dead letter", deadLetter.id],
    ["subscription", deadLetter.subscription],
    ["reason", deadLetter.detail ? `${deadLetter.reason} (${deadLetter.detail})` : deadLetter.reason],
    ["died", deadLetter.diedAt],
    ["forwarded", deadLetter.forwardedAt],
    ["last status", deadLetter.lastStatus],
    ["last error", deadLetter.lastError],
    ["last answer", deadLetter.lastResponse],
  ]);
  const subject = event === undefined ? `malformed: ${deadLetter.malformed?.problem}` : eventText(event);
  return [facts, subject, table(deadLetter.history, ATTEMPT_COLUMNS)].join("\n\n");
}
