/** Names, keys, errors and settings: what needs no server. */
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { adapter } from "../../../adapters/gcp-pubsub/adapter.ts";
import { encode } from "../../../adapters/gcp-pubsub/binding.ts";
import { publishFailure, STATUS_MEANINGS, toTransportError } from "../../../adapters/gcp-pubsub/errors.ts";
import { subscriptionName } from "../../../adapters/gcp-pubsub/names.ts";
import { validateAdapterSettings } from "../../../src/config/adapter-settings.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import { SETTINGS } from "./instance.ts";

const SUBSCRIPTION = /^projects\/p\/subscriptions\/(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}$/;

describe("names of subscriptions", () => {
  const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 });

  it("are ones that the service takes, whatever the topic and the group are called", () => {
    fc.assert(fc.property(name, name, (topic, group) => SUBSCRIPTION.test(subscriptionName("p", topic, group))));
  });

  it("differ when the topic or the group differs", () => {
    const tricky = fc.stringMatching(/^[a~%./2F ]{1,6}$/);
    fc.assert(
      fc.property(tricky, tricky, tricky, tricky, (a, b, c, d) => {
        const isSame = a === c && b === d;
        return (subscriptionName("p", a, b) === subscriptionName("p", c, d)) === isSame;
      }),
    );
  });
});

describe("ordering keys", () => {
  const keyed = (value: string) => makeEvent({ attributes: [["partitionkey", value]] });

  it("are the mapped attribute, and none without a mapping", () => {
    expect(encode(keyed("k"), SETTINGS).orderingKey).toBe("k");
    expect(encode(keyed("k"), { ...SETTINGS, key: undefined }).orderingKey).toBeUndefined();
    expect(encode(makeEvent(), SETTINGS).orderingKey).toBeUndefined();
  });

  it("are a hash where the attribute is too long, the same for the same value", () => {
    const [one, two, other] = ["a", "a", "b"].map(
      (end) => encode(keyed("x".repeat(1_024) + end), SETTINGS).orderingKey,
    );
    expect(one).toMatch(/^sha256:/);
    expect(one).toBe(two);
    expect(one).not.toBe(other);
  });
});

describe("errors", () => {
  const native = (code: number, details = "") => Object.assign(new Error(`${code}: ${details}`), { code, details });

  it.each([
    [1, "unavailable", "unknown"],
    [2, "unknown", "unknown"],
    [3, "invalid", "no"],
    [4, "timeout", "unknown"],
    [5, "not_found", "no"],
    [6, "invalid", "no"],
    [7, "permission_denied", "no"],
    [8, "throttled", "no"],
    [9, "invalid", "no"],
    [10, "aborted", "no"],
    [11, "invalid", "no"],
    [12, "invalid", "no"],
    [13, "unknown", "unknown"],
    [14, "unavailable", "unknown"],
    [15, "unknown", "unknown"],
    [16, "permission_denied", "no"],
  ])("with the status %i mean %s, and that a publish is stored: %s", (status, code, stored) => {
    const cause = native(status);
    expect(STATUS_MEANINGS.size).toBe(16);
    expect(publishFailure(toTransportError(cause, "Publishing"))).toMatchObject({ stored, error: { code, cause } });
  });

  it("of one message that is too large for the server mean too_large", () => {
    expect(toTransportError(native(8, "received message larger than max"), "x").code).toBe("too_large");
  });

  it("without a status are outlasted, and none of their text is shown", () => {
    const error = toTransportError(new Error("secret"), "Publishing");
    expect(error).toMatchObject({ code: "unknown", retryable: true });
    expect(error.message).not.toContain("secret");
  });
});

describe("settings", () => {
  const context = {
    name: "gcp",
    busId: "bus",
    clock: systemClock,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  };
  const validate = (settings: object, part = "") =>
    validateAdapterSettings(adapter.schema, part, { ...settings }, "/transports/gcp");

  afterEach(() => vi.unstubAllEnvs());

  it("need a project, and know no other members", () => {
    expect(() => validate({})).toThrow("projectId");
    expect(() => validate({ projectId: "p", host: "x" })).toThrow("host");
    expect(validate({ projectId: "p" })).toMatchObject({ projectId: "p" });
    expect(() => validate({ ackDeadline: 1 }, "/$defs/topic")).toThrow("ackDeadline");
  });

  it.each(["PUBSUB_EMULATOR_HOST", "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB"])(
    "refuse to be redirected by %s, unless they say emulator themselves",
    async (variable) => {
      vi.stubEnv(variable, "127.0.0.1:1");
      const refused = adapter.open({ projectId: "p" }, context);
      await expect(refused).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining(variable) });
      const transport = await adapter.open({ projectId: "p", emulator: "127.0.0.1:1" }, context);
      await transport.close(Date.now() + 1_000);
    },
  );
});
