/** `schemas/openapi.yaml` as data, and a check that an answer is as it says. */
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "vitest";
import { parse } from "yaml";
import type { Reply } from "../../support/http.ts";

export interface Parameter {
  readonly name: string;
  readonly in: string;
}

export interface Operation {
  readonly parameters?: readonly object[];
  readonly responses: Readonly<Record<string, object>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export const OPENAPI_FILE = new URL("../../../schemas/openapi.yaml", import.meta.url);
export const openapi: Document = parse(readFileSync(OPENAPI_FILE, "utf8"));

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ ...openapi, $id: "openapi" });

/** Follows a `$ref` inside the document. */
export function resolve<T>(value: object): T {
  if (!("$ref" in value)) return value as T;
  const segments = String(value.$ref).slice(2).split("/");
  const found = segments.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], openapi);
  if (found === undefined) throw new Error(`openapi.yaml has no ${value.$ref}`);
  return resolve(found as object);
}

/** Fails unless `METHOD /path/{template}` may answer this. */
export function expectDocumented(operation: string, reply: Reply): void {
  const [method = "", path = ""] = operation.split(" ");
  const response = openapi.paths[path]?.[method.toLowerCase()]?.responses[String(reply.status)];
  expect(response, `${operation} is documented to answer ${reply.status}`).toBeDefined();
  const { content } = resolve<{ readonly content?: Readonly<Record<string, { readonly schema: object }>> }>(
    response ?? {},
  );
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  expect(reply.headers["content-type"]?.split(";")[0]).toBe(type);
  if (media === undefined || !type?.endsWith("json")) return;
  const validate = ajv.compile(inside(media.schema));
  validate(JSON.parse(reply.body.toString()));
  expect(validate.errors, `${operation} ${reply.status}: ${reply.body}`).toBeNull();
}

/** References of a schema taken out of the document point back into it. */
function inside(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/'));
}
