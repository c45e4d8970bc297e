/**
 * Validation against `schemas/`. Validators are compiled at first use: a start without subscriptions in its
 * configuration doesn't pay for theirs. That the schemas themselves are valid is a test's job, so it is not checked here.
 */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import configSchema from "../../schemas/config.schema.json" with { type: "json" };
import subscriptionSchema from "../../schemas/subscription.schema.json" with { type: "json" };
import type { PulsebusError } from "../errors.ts";
import type { SubscriptionInput } from "../subscription/subscription.ts";
import { explain } from "./explain.ts";
import type { Faults } from "./faults.ts";
import type { ConfigInput, TopicInput } from "./input.ts";

const ajv = new Ajv2020({ allErrors: true, verbose: true, meta: false, validateSchema: false, allowUnionTypes: true });
ajv.addVocabulary(["x-expects", "x-notSupported"]);
ajv.addSchema([configSchema, subscriptionSchema]);

/** The body of `POST /subscriptions`. Throws `invalid-request` or `not-supported` with the JSON pointer of the fault. */
export function validateSubscriptionInput(value: unknown): SubscriptionInput {
  return validate<SubscriptionInput>("subscription.schema.json", value);
}

/** The body of `PUT /topics/{topic}`; none is an empty one. Throws like `validateSubscriptionInput`. */
export function validateTopicInput(value: unknown): TopicInput {
  return validate<TopicInput | null>("config.schema.json#/$defs/topic", value ?? null) ?? {};
}

/** Whether a value has the shape of a configuration; adds every fault. */
export function isConfig(value: unknown, faults: Faults): value is ConfigInput {
  const isValid = validator<ConfigInput>("config.schema.json");
  if (isValid(value)) return true;
  faults.add(...explainAll(isValid));
  return false;
}

function validate<T>(schema: string, value: unknown): T {
  const isValid = validator<T>(schema);
  if (isValid(value)) return value;
  const [first] = explainAll(isValid);
  throw first ?? new Error(`no reason why ${schema} refuses`);
}

function validator<T>(schema: string): ValidateFunction<T> {
  const found = ajv.getSchema<T>(schema);
  if (found === undefined) throw new Error(`no schema ${schema}`);
  return found as ValidateFunction<T>;
}

/** A wrong name of a member is reported twice, by `propertyNames` and by the rule in it; the latter knows what is wrong. */
function explainAll({ errors }: ValidateFunction): PulsebusError[] {
  return (errors ?? []).filter(({ keyword }) => keyword !== "propertyNames").map(explain);
}
