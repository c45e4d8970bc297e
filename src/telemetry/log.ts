/** The process's log: lines for people on a terminal, one JSON object a line anywhere else. */
import { type DestinationStream, destination, type LoggerOptions, pino, stdSerializers } from "pino";
import type { Plan } from "../config/plan.ts";
import type { Logger } from "../runtime/logger.ts";

/**
 * Names under which a secret could slip into a field, at the top and one and two levels down. A second net: nothing
 * that holds secrets is passed to the log in the first place.
 */
const SECRET_NAMES = ["authorization", "Authorization", "cookie", "password", "secret", "token", "credentials"];
const REDACTED_PATHS = ["", "*.", "*.*."].flatMap((prefix) => SECRET_NAMES.map((name) => prefix + name));

/** Where lines go. `isTTY` decides the format `auto`. */
interface LogStream extends DestinationStream {
  readonly isTTY?: boolean;
}

export interface LogOptions {
  readonly level: Plan["log"]["level"];
  readonly format: Plan["log"]["format"];
  /** Standard output unless given. */
  readonly stream?: LogStream;
}

/** Lines are written before the call returns, so that none is lost when the process ends. */
export async function openLog({ level, format, stream }: LogOptions): Promise<Logger> {
  const isTerminal = stream === undefined ? process.stdout.isTTY : stream.isTTY === true;
  const pretty = format === "pretty" || (format === "auto" && isTerminal);
  const target = stream ?? destination({ fd: process.stdout.fd, sync: true });
  return pino(optionsFor(level), pretty ? await prettyStream(target, isTerminal) : target);
}

function optionsFor(level: LogOptions["level"]): LoggerOptions {
  return {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: stdSerializers.errWithCause },
    redact: { paths: REDACTED_PATHS, censor: "[redacted]" },
  };
}

async function prettyStream(target: DestinationStream, colorize: boolean): Promise<DestinationStream> {
  const { prettyFactory } = await import("pino-pretty");
  const format = prettyFactory({ colorize, translateTime: "SYS:HH:MM:ss.l", singleLine: true });
  return { write: (line) => void target.write(format(line)) };
}
