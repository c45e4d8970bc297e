/** Answers for what Node's parser refuses before there is a request: the same problem documents as everywhere. */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { PulsebusError } from "../errors.ts";
import { HEADER_BYTES_MAX, HEADER_COUNT_MAX } from "../limits.ts";
import type { Logger } from "../runtime/logger.ts";
import { type Problem, problemOf, renderProblem } from "./problem.ts";

/** Listener for `clientError` of a server: answers if it still can, and hangs up. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex, logger: Logger): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = clientProblem(error.code, logger);
  const { headers, body } = renderProblem(problem);
  const lines = Object.entries({ ...headers, Connection: "close" }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join("")}\r\n${body}`);
}

function clientProblem(code: string | undefined, logger: Logger): Problem {
  switch (code) {
    case "HPE_HEADER_OVERFLOW": {
      const message = `there are more than ${HEADER_COUNT_MAX} header lines, or they are longer than ${HEADER_BYTES_MAX} bytes together`;
      return { ...problemOf(new PulsebusError("too-large", message), logger), status: 431 };
    }
    case "ERR_HTTP_REQUEST_TIMEOUT": {
      const message = "the request did not arrive in time";
      return { ...problemOf(new PulsebusError("invalid-request", message), logger), status: 408 };
    }
    default:
      return problemOf(new PulsebusError("invalid-request", "this is not an HTTP/1.1 request"), logger);
  }
}
