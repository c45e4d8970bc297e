/**
 * `pulsebus publish`. The bus invents nothing about an event; this command does, for people at a terminal: an id, a
 * source and a content type where none is given.
 */
import type { Command } from "commander";
import { decodeHttp, encodeHttpBatch, encodeHttpBinary } from "../event/http.ts";
import { type Call, type Client, RefusedCall } from "./client.ts";
import { composeEvent, type EventOptions } from "./compose.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, usageFailure } from "./failure.ts";
import { groupsOfLines, type InputOptions, openInput, readInput } from "./input.ts";
import { addExamples, addServerOptions, collectPairs, connect, type ServerOptions, segment } from "./options.ts";
import type { Output } from "./output.ts";
import type { Terminal } from "./terminal.ts";

interface PublishOptions extends ServerOptions, EventOptions, InputOptions {
  readonly topic: string;
  readonly lines?: boolean;
  readonly structured?: boolean;
}

/** What is printed of an accepted event. */
interface Identity {
  readonly source: string;
  readonly id: string;
  readonly type: string;
}

/** Where accepted events come from and go to. */
interface Publication {
  readonly client: Client;
  readonly output: Output;
  readonly topic: string;
}

const STRUCTURED = "application/cloudevents+json";
const BATCH = "application/cloudevents-batch+json";

export function definePublish(command: Command, { terminal }: CommandContext): void {
  addServerOptions(command, terminal)
    .option("--topic <name>", "topic to publish to", "default")
    .option("--type <type>", "what happened, such as com.example.order.created (needed, except with --structured)")
    .option("--id <id>", "id of the event, unique for its source (default: a new UUID)")
    .option("--source <uri>", "where it happened", "/pulsebus/cli")
    .option("--subject <subject>", "what it happened to")
    .option("--time <time>", 'when it happened, RFC 3339, or "now" (default: not said)')
    .option("--content-type <type>", "content type of the data (default: JSON if it is, else text or bytes)")
    .option("--ext <name=value>", "extension attribute; may be repeated", collectPairs)
    .option("--data <text>", "data of the event")
    .option("--data-file <file>", "file with the data; - is the standard input, the default where that is a pipe")
    .option("--lines", "each line of the data is the data of one event")
    .option("--structured", "the data is a whole event in JSON, or an array of them; with --lines, each line is one")
    .action((options: PublishOptions) => publish(options, terminal));
  addExamples(command, [
    `pulsebus publish --topic orders --type com.example.order.created --data '{"order":1}'`,
    "pulsebus publish --topic photos --type com.example.photo --data-file cat.jpg --content-type image/jpeg",
    "tail -f app.log | pulsebus publish --topic logs --type com.example.line --lines",
    "pulsebus publish --topic orders --structured --lines --data-file events.ndjson",
  ]);
}

async function publish(options: PublishOptions, terminal: Terminal): Promise<void> {
  checkOptions(options);
  const publication = { ...connect(options, terminal), topic: options.topic };
  if (options.lines) return publishLines(options, publication, openInput(options, terminal));
  const data = await readInput(options, terminal);
  if (options.structured) return publishStructured(publication, data);
  const event = composeEvent(options, data);
  const { headers, body } = encodeHttpBinary(event);
  // What no header can carry has to be refused here, in the words of the server.
  decodeHttp(headers, body, { strict: true, leniency: () => {} });
  await post(publication, { headers: pairUp(headers), body: body ?? "" });
  accepted(publication, event);
}

function checkOptions({ data, dataFile, structured, type, id, lines }: PublishOptions): void {
  if (data !== undefined && dataFile !== undefined) throw usageFailure("give either --data or --data-file");
  if (!structured && type === undefined) throw usageFailure("--type is missing: every event says what happened");
  if (structured && type !== undefined) throw usageFailure("a --structured event has its type: leave --type out");
  if (lines && id !== undefined) throw usageFailure("--lines publishes many events, which can't all have one --id");
}

async function publishStructured(publication: Publication, data: Buffer | undefined): Promise<void> {
  if (data === undefined) throw usageFailure("--structured needs an event: --data, --data-file or a pipe");
  const isBatch = data.toString("latin1").trimStart().startsWith("[");
  await post(publication, { headers: { "Content-Type": isBatch ? BATCH : STRUCTURED }, body: data });
  const parsed: unknown = JSON.parse(data.toString());
  for (const event of Array.isArray(parsed) ? parsed : [parsed]) accepted(publication, event);
}

async function publishLines(
  options: PublishOptions,
  publication: Publication,
  input: AsyncIterable<Buffer> | undefined,
): Promise<void> {
  if (input === undefined) throw usageFailure("--lines needs lines: --data, --data-file or a pipe");
  let count = 0;
  for await (const lines of groupsOfLines(input)) {
    const composed = options.structured ? undefined : lines.map((line) => composeEvent(options, line));
    const body = composed === undefined ? jsonArray(lines) : (encodeHttpBatch(composed).body ?? "");
    await postLines(publication, { headers: { "Content-Type": BATCH }, body }, count);
    const events: readonly Identity[] = composed ?? lines.map((line) => JSON.parse(line.toString()));
    for (const event of events) accepted(publication, event);
    count += lines.length;
  }
}

async function post({ client, topic }: Publication, call: Call): Promise<void> {
  await client.call("POST", `/topics/${segment(topic)}/events`, call);
}

/** Names the event at fault; a batch is accepted or refused as a whole. */
async function postLines(publication: Publication, call: Call, accepted: number): Promise<void> {
  try {
    await post(publication, call);
  } catch (error) {
    if (!(error instanceof RefusedCall)) throw error;
    const which = error.index === undefined ? "" : `event ${accepted + error.index + 1}: `;
    throw new CommandFailure(`${which}${error.message}; the first ${accepted} were accepted, the rest was not`);
  }
}

function accepted({ output, topic }: Publication, { source, id, type }: Identity): void {
  output.result({ topic, source, id, type }, `accepted ${type} ${id} from ${source} on topic ${topic}`);
}

function jsonArray(lines: readonly Buffer[]): Buffer {
  const parts = lines.flatMap((line, index) => [Buffer.from(index === 0 ? "[" : ","), line]);
  return Buffer.concat([...parts, Buffer.from("]")]);
}

/** `[name, value, ...]` as an object. */
function pairUp(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) headers[flat[i] as string] = flat[i + 1] as string;
  return headers;
}
