/** `pulsebus subscriptions`: who receives what, and how it goes. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { usageFailure } from "./failure.ts";
import { readDocument } from "./input.ts";
import { addExamples, addServerOptions, collectList, connect, type ServerOptions, segment } from "./options.ts";
import { type Column, fields } from "./output.ts";
import type { SubscriptionResource } from "./resources.ts";
import type { Terminal } from "./terminal.ts";

interface ListOptions extends ServerOptions {
  readonly topic?: string;
}

interface CreateOptions extends ServerOptions {
  readonly id?: string;
  readonly topic?: string;
  readonly sink?: string;
  readonly types?: readonly string[];
  readonly source?: string;
  readonly from?: string;
  readonly format?: string;
  readonly file?: string;
}

interface PauseOptions extends ServerOptions {
  readonly reason?: string;
}

const COLUMNS: readonly Column<SubscriptionResource>[] = [
  { title: "subscription", value: ({ id }) => id },
  { title: "topic", value: ({ topic }) => topic },
  { title: "state", value: ({ status }) => status.state },
  { title: "backlog", value: ({ status }) => status.backlog },
  { title: "parked", value: ({ status }) => status.parked },
  { title: "dead letters", value: ({ status }) => status.deadLetters },
  { title: "delivered", value: ({ status }) => status.delivered },
  { title: "sink", value: ({ sink }) => sink },
];

export function defineSubscriptions(command: Command, context: CommandContext): void {
  const { terminal } = context;
  defineList(command, terminal);
  defineCreate(command, terminal);
  defineOne(command, terminal, "show", "Show one subscription and its status.", async (id, { client, output }) => {
    const subscription = await client.read<SubscriptionResource>(pathOf(id));
    output.result(subscription, subscriptionText(subscription));
  });
  defineOne(
    command,
    terminal,
    "delete",
    "Delete a subscription and what is owed to it.",
    async (id, { client, output }) => {
      await client.call("DELETE", pathOf(id));
      output.result({ deleted: id }, `deleted subscription ${id}`);
    },
  );
  defineOne(command, terminal, "resume", "Go on delivering.", async (id, { client, output }) => {
    const subscription = await client.send<SubscriptionResource>("POST", `${pathOf(id)}/resume`, undefined);
    output.result(subscription, `subscription ${id} is ${subscription.status.state}`);
  });
  defineOne(command, terminal, "pause", "Stop delivering; events wait.", pause).option(
    "--reason <text>",
    "shown in its status",
  );
  addExamples(command, [
    "pulsebus subscriptions create --topic orders --sink http://localhost:3000/events --types com.example.order.created",
    "pulsebus subscriptions create --file subscription.json",
    "pulsebus subscriptions show billing",
    'pulsebus subscriptions pause billing --reason "maintenance"',
  ]);
}

type Connection = ReturnType<typeof connect>;

function defineOne<Options extends ServerOptions>(
  parent: Command,
  terminal: Terminal,
  name: string,
  description: string,
  action: (id: string, connection: Connection, options: Options) => Promise<void>,
): Command {
  const command = parent.command(`${name} <subscription>`).description(description);
  return addServerOptions(command, terminal).action((id: string, options: Options) =>
    action(id, connect(options, terminal), options),
  );
}

function defineList(parent: Command, terminal: Terminal): void {
  addServerOptions(parent.command("list").description("List the subscriptions."), terminal)
    .option("--topic <name>", "only those of this topic")
    .action(async ({ topic, ...options }: ListOptions) => {
      const { client, output } = connect(options, terminal);
      const query = new URLSearchParams(topic === undefined ? {} : { topic });
      const rows = client.list<SubscriptionResource>("/subscriptions", query);
      await output.list(rows, COLUMNS, "there are no subscriptions");
    });
}

function defineCreate(parent: Command, terminal: Terminal): void {
  addServerOptions(parent.command("create").description("Create a subscription."), terminal)
    .option("--topic <name>", "topic to receive from")
    .option("--sink <address>", "where to deliver: http://…, https://… or topic:NAME")
    .option("--id <id>", "its name (default: the server makes one)")
    .option("--types <types>", "only these types; several behind commas", collectList)
    .option("--source <uri>", "only events of this source")
    .option("--from <position>", "where to start: latest or earliest (default: latest)")
    .option("--format <format>", "how events are sent: binary or structured (default: binary)")
    .option("--file <file>", "the whole subscription in JSON, instead of the options above; - is the standard input")
    .action(async (options: CreateOptions) => {
      const { client, output } = connect(options, terminal);
      const input = await inputOf(options, terminal);
      const subscription = await client.send<SubscriptionResource>("POST", "/subscriptions", input);
      for (const warning of subscription.warnings) output.note(`warning: ${warning}`);
      output.result(subscription, `created subscription ${subscription.id}`);
    });
}

async function inputOf(options: CreateOptions, terminal: Terminal): Promise<unknown> {
  const { id, topic, sink, types, source, from, format, file } = options;
  const given = { id, topic, sink, types, source, from, format };
  const names = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]));
  if (file === undefined) {
    if (topic === undefined || sink === undefined) throw usageFailure("--topic and --sink are needed, or --file");
    const delivery = from === undefined && format === undefined ? undefined : { from, format };
    return { id, topic, sink, types, source, delivery };
  }
  if (names.length > 0) throw usageFailure(`${names.join(", ")} can't be given together with --file`);
  return readDocument(file, terminal);
}

async function pause(id: string, { client, output }: Connection, { reason }: PauseOptions): Promise<void> {
  const body = reason === undefined ? undefined : { reason };
  const subscription = await client.send<SubscriptionResource>("POST", `${pathOf(id)}/pause`, body);
  output.result(subscription, `subscription ${id} is ${subscription.status.state}`);
}

function pathOf(id: string): string {
  return `/subscriptions/${segment(id)}`;
}

function subscriptionText(subscription: SubscriptionResource): string {
  const { status } = subscription;
  return fields([
    ["subscription", subscription.id],
    ["topic", subscription.topic],
    ["sink", subscription.sink],
    ["types", subscription.types?.join(", ")],
    ["source", subscription.source],
    ["filters", subscription.filters && JSON.stringify(subscription.filters)],
    ["delivery", subscription.delivery && JSON.stringify(subscription.delivery)],
    ["expires", subscription.expires],
    ["origin", subscription.origin],
    ["state", status.reason === null ? status.state : `${status.state} (${status.reason})`],
    ["backlog", status.backlog === null ? "unknown" : `${status.backlog} unread, before filters`],
    ["waiting", status.waiting],
    ["in flight", status.inFlight],
    ["parked", status.parked],
    ["scheduled", status.scheduled],
    ["breaker", status.breaker],
    ["dead letters", status.deadLetters],
    ["delivered", `${status.delivered} since the server started`],
    ["filter errors", status.lastFilterError && `${status.filterErrors}, the last one: ${status.lastFilterError}`],
    ["last error", status.lastError],
    ["last attempt", status.lastAttemptAt],
  ]);
}
