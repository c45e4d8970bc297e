/** `pulsebus listen`: a subscription for as long as it runs, printed, and sent on where a local server is to have it. */
import type { Command } from "commander";
import type { Event } from "../event/event.ts";
import { decodeHttp } from "../event/http.ts";
import { isLoopback, parseHttpUrl } from "./address.ts";
import type { CommandContext } from "./context.ts";
import { eventLine, eventText } from "./event-text.ts";
import { usageFailure } from "./failure.ts";
import { addExamples, addServerOptions, choice, collectList, connect, type ServerOptions } from "./options.ts";
import type { Output } from "./output.ts";
import { forward, type Received, Receiver } from "./receiver.ts";
import { TemporarySubscription } from "./temporary-subscription.ts";
import type { Terminal } from "./terminal.ts";

interface ListenOptions extends ServerOptions {
  readonly topic: string;
  readonly types?: readonly string[];
  readonly source?: string;
  readonly from: "latest" | "earliest";
  readonly format: "binary" | "structured";
  readonly forward?: string;
}

export function defineListen(command: Command, { terminal }: CommandContext): void {
  addServerOptions(command, terminal)
    .requiredOption("--topic <name>", "topic to listen to")
    .option("--types <types>", "only these types; several behind commas", collectList)
    .option("--source <uri>", "only events of this source")
    .addOption(choice("--from <position>", "where to start", ["latest", "earliest"]))
    .addOption(choice("--format <format>", "how events are sent on", ["binary", "structured"]))
    .option("--forward <url>", "send each event on to this address; its answer counts as the delivery's")
    .action((options: ListenOptions) => listen(options, terminal));
  addExamples(command, [
    "pulsebus listen --topic orders",
    "pulsebus listen --topic orders --from earliest --json | jq .data",
    "pulsebus listen --topic orders --types com.example.order.created --forward http://localhost:3000/events",
  ]);
  command.addHelpText(
    "after",
    `
It makes a subscription that is deleted at the end, and expires by itself where that fails. The server
has to be on this machine, since it delivers to an address of this machine.`,
  );
}

async function listen(options: ListenOptions, terminal: Terminal): Promise<void> {
  const { client, output } = connect(options, terminal);
  const target = options.forward === undefined ? undefined : parseHttpUrl("--forward", options.forward);
  if (!isLoopback(client.url)) {
    throw usageFailure(`listen needs a server on this machine: ${client.url.host} could not deliver to it`);
  }
  const interrupted = terminal.interrupted();
  const receiver = new Receiver((received) => receive(received, target, output));
  const { topic, types, source, from, format } = options;
  const filters = { ...(types && { types }), ...(source !== undefined && { source }) };
  const input = { topic, sink: await receiver.open(), ...filters, delivery: { from, format } };
  const subscription = new TemporarySubscription(client, input, (text) => output.note(`pulsebus: ${text}`));
  try {
    await subscription.open();
    output.note(`listening to topic ${topic}, as subscription ${subscription.id}; Ctrl-C ends it`);
    await interrupted;
    await subscription.close();
  } finally {
    receiver.close();
  }
}

async function receive(received: Received, target: URL | undefined, output: Output): Promise<number> {
  const { events } = decodeHttp(received.rawHeaders, received.body, { strict: false, leniency: () => {} });
  for (const event of events) print(event, output);
  return target === undefined ? 204 : sendOn(received, target, output);
}

function print(event: Event, output: Output): void {
  output.line(output.json ? eventLine(event) : eventText(event));
}

async function sendOn(received: Received, target: URL, output: Output): Promise<number> {
  try {
    const status = await forward(received, target);
    output.note(`  -> ${target.href} answered ${status}`);
    return status;
  } catch (error) {
    output.note(`  -> ${target.href} can't be reached: ${(error as Error).message}`);
    return 502;
  }
}
