/** Reads what a command is to send: from an option, a file or a pipe, whole or line by line. */
import { createReadStream } from "node:fs";
import { BATCH_COUNT_MAX, LINES_BYTES_MAX } from "../limits.ts";
import { CommandFailure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

export interface InputOptions {
  readonly data?: string;
  readonly dataFile?: string;
}

/** The chunks of the input; undefined when there is none. A pipe is read without being asked for. */
export function openInput({ data, dataFile }: InputOptions, { stdin }: Terminal): AsyncIterable<Buffer> | undefined {
  if (data !== undefined) return single(Buffer.from(data));
  if (dataFile === "-" || (dataFile === undefined && stdin.isTTY !== true)) return stdin as AsyncIterable<Buffer>;
  return dataFile === undefined ? undefined : readable(dataFile);
}

/** The whole input; undefined when there is none, or an empty pipe. */
export async function readInput(options: InputOptions, terminal: Terminal): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  const input = openInput(options, terminal);
  if (input === undefined) return undefined;
  for await (const chunk of input) chunks.push(Buffer.from(chunk));
  const isUnasked = options.data === undefined && options.dataFile === undefined;
  return chunks.length === 0 && isUnasked ? undefined : Buffer.concat(chunks);
}

/** The JSON document in a file, or in the standard input for `-`. */
export async function readDocument(dataFile: string, terminal: Terminal): Promise<unknown> {
  const text = String((await readInput({ dataFile }, terminal)) ?? "");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(`${dataFile} is not JSON: ${(error as Error).message}`);
  }
}

/**
 * The lines of the input, without empty ones, in groups: a group holds what has come so far, within the bounds of one
 * request, so that lines of a slow producer are not held back.
 */
export async function* groupsOfLines(input: AsyncIterable<Buffer>): AsyncGenerator<readonly Buffer[]> {
  let rest = Buffer.alloc(0);
  for await (const chunk of input) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    rest = bytes.subarray(end);
    yield* groups(splitLines(bytes.subarray(0, end)));
  }
  yield* groups(splitLines(rest));
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(0x0a, start);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(start, bytes[end - 1] === 0x0d ? end - 1 : end);
    if (line.length > 0) lines.push(line);
    start = end + 1;
  }
  return lines;
}

function* groups(lines: readonly Buffer[]): Generator<readonly Buffer[]> {
  let group: Buffer[] = [];
  let bytes = 0;
  for (const line of lines) {
    if (group.length === BATCH_COUNT_MAX || (group.length > 0 && bytes + line.length > LINES_BYTES_MAX)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(line);
    bytes += line.length;
  }
  if (group.length > 0) yield group;
}

async function* single(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function* readable(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file) as AsyncIterable<Buffer>;
  } catch (error) {
    throw new CommandFailure(`${file} can't be read: ${(error as Error).message}`);
  }
}
