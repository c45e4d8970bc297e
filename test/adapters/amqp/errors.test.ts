import { describe, expect, it } from "vitest";
import { toTransportError } from "../../../adapters/amqp/errors.ts";
import { TransportError, type TransportErrorCode } from "../../../src/transport/port.ts";

function native(message: string, code?: number | string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

function reply(code: number, text: string): Error {
  return native(`Channel closed by server: ${code} (X) with message "${text}"`, code);
}

/** Transient or permanent, as the broker, the client and Node word it (T4). */
const TABLE: readonly (readonly [what: string, error: Error, code: TransportErrorCode])[] = [
  ["a missing exchange", reply(404, "NOT_FOUND - no exchange 'x' in vhost '/'"), "not_found"],
  [
    "a queue whose node is away",
    reply(404, "NOT_FOUND - home node of durable queue is down or inaccessible"),
    "unavailable",
  ],
  [
    "a right that is missing",
    reply(403, "ACCESS_REFUSED - access to queue 'q' refused for user 'u'"),
    "permission_denied",
  ],
  ["a queue of another connection", reply(405, "RESOURCE_LOCKED - cannot obtain exclusive access"), "fenced"],
  ["another declaration", reply(406, "PRECONDITION_FAILED - inequivalent arg 'durable'"), "invalid"],
  [
    "an oversized message",
    reply(406, "PRECONDITION_FAILED - message size 9 is larger than configured max size 8"),
    "too_large",
  ],
  ["an expired lease", reply(406, "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out."), "timeout"],
  ["a node that shuts down", reply(320, "CONNECTION_FORCED - broker forced connection closure"), "unavailable"],
  ["a quota of resources", reply(506, "RESOURCE_ERROR"), "throttled"],
  ["a failure inside the broker", reply(541, "INTERNAL_ERROR"), "unavailable"],
  ["a vhost that is missing", reply(530, "NOT_ALLOWED - vhost shop not found"), "not_found"],
  [
    "a vhost that is closed to the user",
    reply(530, "NOT_ALLOWED - access to vhost 'shop' refused for user 'u'"),
    "permission_denied",
  ],
  [
    "too many connections of a vhost",
    reply(530, "NOT_ALLOWED - access refused: connection limit (1) is reached"),
    "throttled",
  ],
  [
    "a wrong password",
    native('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused"'),
    "permission_denied",
  ],
  ["a nack", native("message nacked"), "throttled"],
  ["too many channels", native("No channels left to allocate"), "throttled"],
  ["a channel that is gone", native("channel closed"), "unavailable"],
  ["heartbeats that do not come", native("Heartbeat timeout"), "unavailable"],
  ["a port where nobody listens", native("connect ECONNREFUSED 127.0.0.1:1", "ECONNREFUSED"), "unavailable"],
  ["a name that does not resolve", native("getaddrinfo ENOTFOUND nowhere", "ENOTFOUND"), "unavailable"],
  ["a certificate that has expired", native("certificate has expired", "CERT_HAS_EXPIRED"), "permission_denied"],
  [
    "a certificate of its own making",
    native("self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    "permission_denied",
  ],
  ["a password file that is missing", native("ENOENT: no such file", "ENOENT"), "permission_denied"],
];

describe("an error of RabbitMQ", () => {
  it.each(TABLE)("%s has a portable code", (_, error, code) => {
    expect(toTransportError(error)).toMatchObject({ code, cause: error });
  });

  it("says what the broker said, without the client's wrapping", () => {
    expect(toTransportError(reply(404, "NOT_FOUND - no queue 'q'")).message).toBe("RabbitMQ: NOT_FOUND - no queue 'q'");
  });

  it("is not translated twice, and may be no error at all", () => {
    const known = new TransportError("fenced", "x");
    expect(toTransportError(known)).toBe(known);
    expect(toTransportError("text")).toMatchObject({ code: "unknown", cause: "text" });
  });
});
