/** The JSON body of a management request. */
import type { IncomingMessage } from "node:http";
import { PulsebusError } from "../../errors.ts";
import { charsetOf, essenceOf } from "../../event/media-type.ts";
import { isObject } from "../../json-value.ts";
import { JSON_DEPTH_MAX, MANAGEMENT_BODY_BYTES_MAX } from "../../limits.ts";
import { faultAt } from "../../pointer.ts";
import { readBody } from "../body.ts";

const TEXT = new TextDecoder("utf-8", { fatal: true });

/** Undefined when there is no body. Throws `too-large`, `unsupported-media-type` or `invalid-request`. */
export async function readJson(req: IncomingMessage): Promise<unknown> {
  const body = await readWhole(req);
  if (body === undefined || body.length === 0) return undefined;
  checkMediaType(req.headers["content-type"]);
  const value = parse(body);
  if (isDeeperThan(value, JSON_DEPTH_MAX)) {
    throw new PulsebusError("invalid-request", `the body is nested more than ${JSON_DEPTH_MAX} levels deep`);
  }
  return value;
}

function readWhole(req: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    readBody(req, MANAGEMENT_BODY_BYTES_MAX, (body, complete) => {
      if (complete) resolve(body);
      else
        reject(
          new PulsebusError("too-large", `the body is larger than the limit of ${MANAGEMENT_BODY_BYTES_MAX} bytes`),
        );
    });
  });
}

function checkMediaType(contentType: string | undefined): void {
  const charset = contentType === undefined ? undefined : charsetOf(contentType);
  const isJson = contentType !== undefined && essenceOf(contentType) === "application/json";
  if (isJson && (charset === undefined || charset === "utf-8")) return;
  throw new PulsebusError("unsupported-media-type", "the body must be JSON: send Content-Type: application/json", {
    at: "Content-Type",
  });
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(TEXT.decode(body));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? `: ${cause.message}` : "";
    throw new PulsebusError("invalid-request", `the body is not valid JSON in UTF-8${reason}`, { cause });
  }
}

/** What validates the value later recurses, so its depth is bounded here. */
function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1));
}

/** The members of an object that has no others. Throws `invalid-request`. */
export function readMembers(body: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (!isObject(body)) throw faultAt("invalid-request", "", `must be an object with ${names.join(", ")}`);
  const unknown = Object.keys(body).find((name) => !names.includes(name));
  if (unknown === undefined) return body;
  throw faultAt("invalid-request", `/${unknown}`, `is unknown; known are ${names.join(", ")}`);
}

/** Without the members that only answers have, so that what `GET` showed can be changed and sent to `PUT`. */
export function withoutShown(body: unknown, shown: readonly string[]): unknown {
  if (!isObject(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => !shown.includes(name)));
}
