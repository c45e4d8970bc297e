/** What went wrong in a thread, as plain data: classes don't survive `postMessage`. */
import { type ErrorCode, PulsebusError } from "../errors.ts";
import { STORAGE_FULL_RETRY_SECONDS } from "../limits.ts";
import { OperationError } from "./module.ts";

export type Fault =
  | { readonly kind: "declared"; readonly code: string; readonly message: string }
  | {
      readonly kind: "database";
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAfterSeconds: number | undefined;
    };

export function toFault(error: unknown): Fault {
  if (error instanceof OperationError) return { kind: "declared", code: error.code, message: error.message };
  if (error instanceof PulsebusError) {
    return databaseFault(error.code, error.message, error.retryAfterSeconds);
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = sqliteCode(error);
  if (code === undefined) return databaseFault("internal", `A database operation failed: ${message}`);
  if (code === "SQLITE_FULL") {
    return databaseFault(
      "storage-full",
      "The disk that holds the data directory is full. Free some space; Pulsebus goes on by itself.",
      STORAGE_FULL_RETRY_SECONDS,
    );
  }
  if (isOutage(code)) return databaseFault("unavailable", `The database can't be used now: ${message} (${code}).`);
  return databaseFault("internal", `A database operation failed: ${message} (${code})`);
}

export function fromFault(fault: Fault): Error {
  if (fault.kind === "declared") return new OperationError(fault.code, fault.message);
  const { retryAfterSeconds } = fault;
  return new PulsebusError(fault.code, fault.message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}

/** Whether the connection's view of the file can't be trusted any more, so that the file has to be opened again. */
export function isBroken(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && BROKEN.test(code);
}

const BROKEN = /^SQLITE_(IOERR|CORRUPT|NOTADB|CANTOPEN|NOMEM)/;
const BLOCKED = /^SQLITE_(BUSY|LOCKED|READONLY|PERM|PROTOCOL)/;

function isOutage(code: string): boolean {
  return BROKEN.test(code) || BLOCKED.test(code);
}

function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return error.code.startsWith("SQLITE_") ? error.code : undefined;
}

function databaseFault(code: ErrorCode, message: string, retryAfterSeconds?: number): Fault {
  return { kind: "database", code, message, retryAfterSeconds };
}
