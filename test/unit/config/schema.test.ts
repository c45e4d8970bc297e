import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import configSchema from "../../../schemas/config.schema.json" with { type: "json" };
import subscriptionSchema from "../../../schemas/subscription.schema.json" with { type: "json" };
import { CONFIG_DEFAULTS } from "../../../src/config/defaults.ts";
import { validateSubscriptionInput, validateTopicInput } from "../../../src/config/schema.ts";
import * as limits from "../../../src/limits.ts";
import { POLICY_DEFAULTS } from "../../../src/subscription/policy.ts";

interface Schema {
  readonly $ref?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const DEFS: Readonly<Record<string, Schema>> = { ...subscriptionSchema.$defs, ...configSchema.$defs } as never;

/** The defaults that a schema states, as one value. */
function defaultsOf(schema: Schema): unknown {
  if (schema.default !== undefined) return schema.default;
  const { properties } = schema.$ref === undefined ? schema : (DEFS[schema.$ref.replace(/.*\//, "")] ?? {});
  const members = Object.entries(properties ?? {}).map(([name, member]) => [name, defaultsOf(member)] as const);
  const stated = members.filter(([, value]) => value !== undefined);
  return stated.length === 0 ? undefined : Object.fromEntries(stated);
}

describe("the schemas", () => {
  it("are valid JSON Schema 2020-12", () => {
    const ajv = new Ajv2020({ strict: false });
    for (const schema of [configSchema, subscriptionSchema]) {
      expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true);
    }
  });

  it("state the defaults that the delivery policy has", () => {
    expect(defaultsOf(subscriptionSchema.$defs.delivery as never)).toEqual(POLICY_DEFAULTS);
  });

  it("state the defaults that a configuration has", () => {
    expect(defaultsOf(configSchema as never)).toEqual(CONFIG_DEFAULTS);
  });

  it("state the limits that the code has", () => {
    const { delivery, retry, name } = subscriptionSchema.$defs;
    expect(delivery.properties.maxInFlight.maximum).toBe(limits.IN_FLIGHT_MAX);
    expect(delivery.properties.maxParked.maximum).toBe(limits.PARKED_MAX);
    expect(delivery.properties.maxDeadLetters.maximum).toBe(limits.DEAD_LETTERS_MAX);
    expect(delivery.properties.batch.properties.maxEvents.maximum).toBe(limits.BATCH_EVENTS_MAX);
    expect(delivery.properties.batch.properties.maxBytes.maximum).toBe(limits.BATCH_REQUEST_BYTES_MAX);
    expect(retry.properties.maxAttempts.maximum).toBe(limits.ATTEMPTS_MAX);
    expect(retry.properties.backoff.properties.factor.maximum).toBe(limits.BACKOFF_FACTOR_MAX);
    expect(retry.properties.retryOn.maxItems).toBe(limits.RETRY_PATTERNS_MAX);
    expect(subscriptionSchema.properties.transform.maxLength).toBe(limits.TRANSFORM_CHARS_MAX);
    expect(subscriptionSchema.properties.types.maxItems).toBe(limits.FILTER_TYPES_MAX);
    expect(subscriptionSchema.properties.filters.maxItems).toBe(limits.FILTER_NODES_MAX);
    expect(name.pattern).toContain(`{1,${limits.NAME_CHARS_MAX}}`);
    expect(configSchema.properties.topics.maxProperties).toBe(limits.TOPICS_MAX);
    expect(configSchema.properties.subscriptions.maxProperties).toBe(limits.SUBSCRIPTIONS_MAX);
    expect(configSchema.properties.bridges.maxProperties).toBe(limits.BRIDGES_MAX);
  });
});

describe("the body of POST /subscriptions", () => {
  const body = { topic: "orders", sink: "https://sink.example/" };

  it("is answered as it is when it is valid", () => {
    const full = {
      ...body,
      id: "billing",
      protocol: "HTTP",
      source: "/shop",
      types: ["a"],
      filters: [{ exact: { type: "a" } }],
      expires: "2030-01-01T00:00:00Z",
      delivery: {
        format: "structured",
        retry: { backoff: { factor: 1.5 }, retryOn: ["5xx"] },
        headers: { "x-a": "b" },
      },
    };
    expect(validateSubscriptionInput(full)).toBe(full);
    expect(validateSubscriptionInput(body)).toBe(body);
  });

  it.each<[change: object, code: string, at: string, message: string]>([
    [{ topic: undefined }, "invalid-request", "/topic", "topic: is missing"],
    [{ sink: undefined }, "invalid-request", "/sink", "sink: is missing"],
    [{ sink: 5 }, "invalid-request", "/sink", "sink: must be a string"],
    [{ topic: "a b" }, "invalid-request", "/topic", 'topic: "a b" is not valid: write 1 to 255 letters'],
    [{ type: "a" }, "invalid-request", "/type", 'type: unknown field; did you mean "types"?'],
    [{ types: "a" }, "invalid-request", "/types", "types: must be a list"],
    [{ types: [] }, "invalid-request", "/types", "types: must not be empty: leave it out for no restriction"],
    [{ types: ["a", ""] }, "invalid-request", "/types/1", "types[1]: must not be empty"],
    [{ source: "" }, "invalid-request", "/source", "source: must not be empty"],
    [{ filters: {} }, "invalid-request", "/filters", "filters: must be a list"],
    [{ filters: [5] }, "invalid-request", "/filters/0", "filters[0]: must be an object"],
    [{ protocol: "http" }, "invalid-request", "/protocol", 'protocol: must be "HTTP", not "http"'],
    [{ protocol: "MQTT5" }, "not-supported", "/protocol", 'protocol: "MQTT5" is not supported'],
    [{ delivery: null }, "invalid-request", "/delivery", "delivery: must be an object"],
    [{ delivery: { timeout: 15 } }, "invalid-request", "/delivery/timeout", "must be a whole number and a unit"],
    [{ delivery: { maxInflight: 1 } }, "invalid-request", "/delivery/maxInflight", 'did you mean "maxInFlight"?'],
    [{ delivery: { maxInFlight: 0 } }, "invalid-request", "/delivery/maxInFlight", "must be at least 1"],
    [{ delivery: { maxInFlight: 1.5 } }, "invalid-request", "/delivery/maxInFlight", "must be a whole number"],
    [{ delivery: { from: "now" } }, "invalid-request", "/delivery/from", 'must be "latest" or "earliest", not "now"'],
    [{ delivery: { format: "avro" } }, "invalid-request", "/delivery/format", "must be"],
    [{ delivery: { ordering: "topic" } }, "invalid-request", "/delivery/ordering", '"none" or "key"'],
    [{ delivery: { rateLimit: 5 } }, "invalid-request", "/delivery/rateLimit", "must be an object"],
    [{ delivery: { deadLetter: {} } }, "invalid-request", "/delivery/deadLetter/sink", "is missing"],
    [{ delivery: { headers: { "a/b": 1 } } }, "invalid-request", "/delivery/headers/a~1b", "must be a string"],
    [
      { delivery: { retry: { backoff: { jitter: true } } } },
      "invalid-request",
      "/delivery/retry/backoff/jitter",
      '"full"',
    ],
  ])("changed by %j is refused as %s", (change, code, at, message) => {
    const changed = JSON.parse(JSON.stringify({ ...body, ...change })) as unknown;
    expect(() => validateSubscriptionInput(changed)).toThrow(
      expect.objectContaining({ code, at, message: expect.stringContaining(message) }),
    );
  });

  it.each(["config", "protocolsettings", "sinkcredential", "secret", "dedupe", "archive"])(
    "with %s, which is not built yet, is refused as such",
    (name) => {
      expect(() => validateSubscriptionInput({ ...body, [name]: {} })).toThrow(
        expect.objectContaining({ code: "not-supported", at: `/${name}` }),
      );
    },
  );

  it("with delivery.archive, which is not built yet, is refused as such", () => {
    expect(() => validateSubscriptionInput({ ...body, delivery: { archive: "a" } })).toThrow(
      expect.objectContaining({ code: "not-supported", at: "/delivery/archive" }),
    );
  });

  it.each([null, [], "a", 5, undefined])("is not %j", (value) => {
    expect(() => validateSubscriptionInput(value)).toThrow("must be an object");
  });

  it("is refused with what every object has, when it has it itself", () => {
    const value: unknown = JSON.parse('{"topic":"a","sink":"b","__proto__":{}}');
    expect(() => validateSubscriptionInput(value)).toThrow("__proto__: unknown field");
  });
});

describe("the body of PUT /topics/{topic}", () => {
  it("may be left out", () => {
    expect(validateTopicInput(undefined)).toEqual({});
    expect(validateTopicInput({ strict: true })).toEqual({ strict: true });
  });

  it("is refused with the place of its fault", () => {
    expect(() => validateTopicInput({ retention: { maxage: "7d" } })).toThrow(
      expect.objectContaining({
        code: "invalid-request",
        at: "/retention/maxage",
        message: 'retention.maxage: unknown field; did you mean "maxAge"?',
      }),
    );
    expect(() => validateTopicInput({ schema: true })).toThrow(expect.objectContaining({ code: "not-supported" }));
  });
});
