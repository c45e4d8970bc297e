import {
  AuthenticationError,
  MultipleErrors,
  NetworkError,
  ProtocolError,
  ResponseError,
  TimeoutError,
  UserError,
} from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import { storedAfter, toTransportError } from "../../../adapters/kafka/errors.ts";
import { TransportError, type TransportErrorCode } from "../../../src/transport/port.ts";

const PRODUCE = 0;
const VERSION = 9;

/** As the client has it: the answer of one broker in an error for all of them. */
function answered(code: number): Error {
  const inner = new ResponseError(PRODUCE, VERSION, { "/responses/0": [code, null] }, {});
  return new MultipleErrors("Producing messages failed.", [inner]);
}

/** As the client has it: a connection that failed, and deep inside why. */
function refusedCredentials(): Error {
  const answer = new ResponseError(36, 2, { "": [58, null] }, {});
  const cause = new AuthenticationError("SASL authentication failed.", { cause: answer });
  return new MultipleErrors("Cannot connect to any broker.", [
    new NetworkError("Connection to secret-host:9092 failed.", { cause }),
  ]);
}

describe("what Kafka answers", () => {
  const table: readonly (readonly [string, number, TransportErrorCode, "no" | "unknown"])[] = [
    ["UNKNOWN_TOPIC_OR_PARTITION", 3, "not_found", "no"],
    ["NOT_LEADER_OR_FOLLOWER", 6, "unavailable", "no"],
    ["REQUEST_TIMED_OUT", 7, "timeout", "unknown"],
    ["MESSAGE_TOO_LARGE", 10, "too_large", "no"],
    ["NOT_ENOUGH_REPLICAS", 19, "unavailable", "no"],
    ["NOT_ENOUGH_REPLICAS_AFTER_APPEND", 20, "unavailable", "unknown"],
    ["TOPIC_AUTHORIZATION_FAILED", 29, "permission_denied", "no"],
    ["GROUP_AUTHORIZATION_FAILED", 30, "permission_denied", "no"],
    ["SASL_AUTHENTICATION_FAILED", 58, "permission_denied", "no"],
    ["FENCED_INSTANCE_ID", 82, "fenced", "no"],
    ["INVALID_RECORD", 87, "invalid", "no"],
    ["THROTTLING_QUOTA_EXCEEDED", 89, "throttled", "no"],
    ["UNKNOWN_SERVER_ERROR", -1, "unknown", "unknown"],
  ];

  it.each(table)("%s (%i) is %s, stored: %s", (name, native, code, stored) => {
    const error = answered(native);
    const portable = toTransportError(error, "The publish");
    expect(portable).toMatchObject({ code, message: `The publish: Kafka answered ${name}` });
    expect(portable.cause).toBe(error);
    expect(storedAfter(error)).toBe(stored);
  });
});

describe("what the client says", () => {
  const table: readonly (readonly [string, Error, TransportErrorCode, "no" | "unknown"])[] = [
    ["a refused connection", new NetworkError("Connection to secret-host:9092 failed."), "unavailable", "no"],
    ["a lost connection", new NetworkError("Connection closed"), "unavailable", "unknown"],
    ["no broker", new MultipleErrors("Cannot connect to any broker.", []), "unknown", "no"],
    ["refused credentials", refusedCredentials(), "permission_denied", "no"],
    ["an unknown topic", new UserError("Unknown topic orders."), "not_found", "no"],
    ["anything else", new TypeError("secret-host is odd"), "unknown", "unknown"],
  ];

  it.each(table)("%s has a code and no host in its message", (_, native, code, stored) => {
    const portable = toTransportError(native, "The publish");
    expect(portable.code).toBe(code);
    expect(portable.message).not.toContain("secret-host");
    expect(storedAfter(native)).toBe(stored);
  });

  it("a request that timed out may have been stored", () => {
    expect(storedAfter(new TimeoutError("Request timed out"))).toBe("unknown");
  });

  it("an error that is portable already stays as it is", () => {
    const error = new TransportError("closed", "closed");
    expect(toTransportError(error, "x")).toBe(error);
    expect(toTransportError(new ProtocolError(16), "x").code).toBe("unavailable");
  });
});
