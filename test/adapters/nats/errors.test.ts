/** T4: the errors of the client and of the server, as portable codes. */
import { JetStreamApiError } from "@nats-io/jetstream";
import { jserrors } from "@nats-io/jetstream/internal";
import { errors, RequestError } from "@nats-io/transport-node";
import { expect, it } from "vitest";
import { isNoResponders, toTransportError } from "../../../adapters/nats/errors.ts";

const api = (code: number, status: number) =>
  new JetStreamApiError({ err_code: code, code: status, description: "why" });
const noResponders = new RequestError("no", { cause: new errors.NoRespondersError("subject") });
const socket = Object.assign(new Error("connect"), { code: "ECONNREFUSED", syscall: "connect" });
const certificate = Object.assign(new Error("self-signed"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });

it.each([
  ["a stream that is missing", api(10059, 404), "not_found", false],
  ["a consumer that is missing", api(10014, 404), "not_found", false],
  ["a message larger than the stream takes", api(10054, 400), "too_large", false],
  ["a full stream", api(10077, 503), "throttled", true],
  ["a full queue of a stream", api(10167, 429), "throttled", true],
  ["a cluster without a leader", api(10008, 503), "unavailable", true],
  ["an account without JetStream", api(10039, 503), "permission_denied", false],
  ["overlapping subjects", api(10065, 400), "invalid", false],
  ["a request that this version does not know, refused", api(19999, 400), "invalid", false],
  ["an answer that this version does not know, busy", api(19999, 503), "unavailable", true],
  ["an answer without any meaning", api(19999, 599), "unknown", true],
  ["no answer in time", new errors.TimeoutError(), "timeout", true],
  ["nobody who answers", noResponders, "unavailable", true],
  [
    "JetStream that does not answer",
    new jserrors.JetStreamNotEnabled("x", { cause: noResponders }),
    "unavailable",
    true,
  ],
  ["a connection that was lost", new RequestError("connection disconnected"), "unavailable", true],
  ["a connection that is closed", new errors.ClosedConnectionError(), "unavailable", true],
  ["a connection that is refused", socket, "unavailable", true],
  ["a certificate that is not trusted", certificate, "unavailable", true],
  ["refused credentials", new errors.AuthorizationError("Authorization Violation"), "permission_denied", false],
  ["expired credentials", new errors.UserAuthenticationExpiredError("expired"), "permission_denied", false],
  [
    "a subject that is not allowed",
    new RequestError("x", { cause: new errors.PermissionViolationError("x", "publish", "subject") }),
    ...(["permission_denied", false] as const),
  ],
  ["something else", new Error("boom"), "unknown", true],
])("%s", (_, error, code, retryable) => {
  const portable = toTransportError(error);
  expect(portable).toMatchObject({ code, retryable });
  expect(portable.cause).toBeDefined();
  expect(toTransportError(portable)).toBe(portable);
});

it("knows when nobody listens on a subject, however it is wrapped", () => {
  expect(isNoResponders(new jserrors.JetStreamNotEnabled("x", { cause: noResponders }))).toBe(true);
  expect(isNoResponders(new errors.TimeoutError())).toBe(false);
});
