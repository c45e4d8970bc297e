/** `pulsebus topics`: what streams there are. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { readDocument } from "./input.ts";
import { addExamples, addServerOptions, connect, type ServerOptions, segment } from "./options.ts";
import { type Column, fields } from "./output.ts";
import type { TopicResource } from "./resources.ts";

interface CreateOptions extends ServerOptions {
  readonly file?: string;
}

const COLUMNS: readonly Column<TopicResource>[] = [
  { title: "topic", value: ({ name }) => name },
  { title: "transport", value: ({ transport }) => transport },
  { title: "state", value: ({ state }) => state },
  { title: "events", value: ({ stats }) => stats.events },
  { title: "bytes", value: ({ stats }) => stats.bytes },
  { title: "newest", value: ({ stats }) => stats.newestAt },
  { title: "origin", value: ({ origin }) => origin },
];

export function defineTopics(command: Command, { terminal }: CommandContext): void {
  addServerOptions(command.command("list").description("List the topics."), terminal).action(
    async (options: ServerOptions) => {
      const { client, output } = connect(options, terminal);
      await output.list(client.list<TopicResource>("/topics"), COLUMNS, "there are no topics");
    },
  );

  addServerOptions(command.command("show <topic>").description("Show one topic."), terminal).action(
    async (name: string, options: ServerOptions) => {
      const { client, output } = connect(options, terminal);
      const topic = await client.read<TopicResource>(pathOf(name));
      output.result(topic, topicText(topic));
    },
  );

  addServerOptions(command.command("create <topic>").description("Create a topic, or change its settings."), terminal)
    .option("--file <file>", 'its settings in JSON, such as {"retention":{"maxAge":"1d"}}; - is the standard input')
    .action(async (name: string, { file, ...options }: CreateOptions) => {
      const { client, output } = connect(options, terminal);
      const settings = file === undefined ? {} : await readDocument(file, terminal);
      const topic = await client.send<TopicResource>("PUT", pathOf(name), settings);
      output.result(topic, `topic ${name} is there`);
    });

  addServerOptions(
    command.command("delete <topic>").description("Delete a topic and all its events."),
    terminal,
  ).action(async (name: string, options: ServerOptions) => {
    const { client, output } = connect(options, terminal);
    await client.call("DELETE", pathOf(name));
    output.result({ deleted: name }, `deleted topic ${name}`);
  });

  addExamples(command, ["pulsebus topics create orders", "pulsebus topics list --json"]);
}

function pathOf(name: string): string {
  return `/topics/${segment(name)}`;
}

function topicText({ name, transport, address, strict, retention, stats, ...rest }: TopicResource): string {
  return fields([
    ["topic", name],
    ["origin", rest.origin],
    ["state", rest.state],
    ["reason", rest.reason],
    ["transport", transport],
    ["address", address],
    ["strict", strict ? "yes" : "no"],
    ["retention", `${retention.maxAge}, ${retention.maxBytes}`],
    ["hold back", rest.holdBack],
    ["when full", rest.whenFull],
    ["events", stats.events],
    ["bytes", stats.bytes],
    ["oldest", stats.oldestAt],
    ["newest", stats.newestAt],
  ]);
}
