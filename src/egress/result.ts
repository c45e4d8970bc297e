/** What is asked of the egress client, and what can come of it. */
import { errors } from "undici";
import { EgressRefusedError } from "./connector.ts";

export interface EgressRequest {
  readonly method: "GET" | "POST" | "OPTIONS";
  /** Names and values in turn. The request takes the array over and adds to it. */
  readonly headers: string[];
  /** Undefined and no bytes are the same on the wire: `content-length: 0`. */
  readonly body: Buffer | undefined;
  /** One deadline over waiting for a connection, connecting, sending, headers and body. */
  readonly timeoutMs: number;
  /** Hand out headers and body of a 2xx response, which are thrown away otherwise. */
  readonly keepAnswer?: boolean;
}

/** A 2xx response whose content was asked for. */
interface EgressAnswer {
  /** Names and values in turn, as latin1, like `rawHeaders` of `node:http`. */
  readonly headers: readonly string[];
  /** Undefined when it is longer than `RESPONSE_BYTES_MAX`. */
  readonly body: Buffer | undefined;
}

export type EgressResult =
  /**
   * The status is known and the response ended, or was cut off at `RESPONSE_BYTES_MAX`. `excerpt` is the beginning of
   * the body as text, kept unless the status is 2xx.
   */
  | {
      readonly kind: "response";
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly excerpt: string;
      readonly answer?: EgressAnswer;
    }
  /** No complete response. `egress-refused`: policy forbids the address, and the message says which setting permits it. */
  | {
      readonly kind: "failure";
      readonly error: "connection" | "timeout" | "egress-refused" | "response-too-large";
      readonly message: string;
    }
  /** The request itself can't be sent: a header that is none, for example. Sending it again is in vain. */
  | { readonly kind: "unsendable"; readonly message: string }
  | { readonly kind: "aborted" };

export const ABORTED: EgressResult = { kind: "aborted" };

const UNSENDABLE = [
  errors.InvalidArgumentError,
  errors.NotSupportedError,
  errors.RequestContentLengthMismatchError,
] as const;

/** Classifies what undici, the network, TLS or the guard reported. */
export function failureOf(error: Error): EgressResult {
  const message = describe(error);
  if (error instanceof EgressRefusedError) return { kind: "failure", error: "egress-refused", message };
  if (error instanceof errors.ConnectTimeoutError) return { kind: "failure", error: "timeout", message };
  if (error instanceof errors.HeadersOverflowError) return { kind: "failure", error: "response-too-large", message };
  if (UNSENDABLE.some((type) => error instanceof type)) return { kind: "unsendable", message };
  return { kind: "failure", error: "connection", message };
}

/** Connecting to several addresses of one name fails with one error for each, and no message of its own. */
function describe(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((each) => describe(each)).join("; ");
  return error.message;
}
