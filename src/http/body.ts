/** Reading a request's body under a limit. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { LINGER_MS } from "../limits.ts";
import { type Problem, renderProblem } from "./problem.ts";

const EMPTY = Buffer.alloc(0);

/**
 * Calls back once: with the whole body (undefined when the request has none), or with `complete` false as soon as it is
 * known to be longer than `bytesMax`. Does not call back when the client goes away. A body that came in one piece is
 * handed over without a copy.
 */
export function readBody(
  req: IncomingMessage,
  bytesMax: number,
  callback: (body: Buffer | undefined, complete: boolean) => void,
): void {
  if (Number(req.headers["content-length"]) > bytesMax) {
    callback(undefined, false);
    return;
  }
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let bytes = 0;
  req.on("data", (chunk: Buffer) => {
    if (bytes > bytesMax) return;
    bytes += chunk.length;
    if (bytes > bytesMax) callback(undefined, false);
    else if (first === undefined) first = chunk;
    else if (chunks === undefined) chunks = [first, chunk];
    else chunks.push(chunk);
  });
  req.on("end", () => {
    if (bytes > bytesMax) return;
    if (chunks !== undefined) callback(Buffer.concat(chunks, bytes), true);
    else callback(first ?? emptyBody(req), true);
  });
}

/** RFC 9112 §6.3: a request has a body when it has one of these fields, even if it is empty. */
function emptyBody({ headers }: IncomingMessage): Buffer | undefined {
  const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  return hasBody ? EMPTY : undefined;
}

/**
 * Answers a request whose body will not be read, and hangs up. A socket closed with unread bytes in it is reset, and a
 * reset may reach the sender before the answer does; so the answer goes out at once, and what still comes is thrown
 * away until the sender stops, at most for `LINGER_MS` (RFC 9112 §9.6).
 */
export function refuseUnread(req: IncomingMessage, res: ServerResponse, problem: Problem): void {
  const { headers, body } = renderProblem(problem);
  res.shouldKeepAlive = false;
  res.writeHead(problem.status, headers).write(body);
  const hangUp = (): void => {
    clearTimeout(timer);
    res.end();
  };
  const timer = setTimeout(hangUp, LINGER_MS);
  req.once("end", hangUp).once("close", hangUp).resume();
}
