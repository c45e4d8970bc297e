/**
 * Names that JetStream accepts: no dots, wildcards, slashes or spaces, at most 255 characters. Letters, digits and `-`
 * stay; every other byte becomes `_` and two hexadecimal digits, so that different names stay different.
 */
import { createHash } from "node:crypto";

/** Of a stream or a consumer; the file system of a server bounds it. */
const NAME_LENGTH = 255;
const HASH = /* "_" no escape begins like this */ "_sha256-";

export function escapeName(name: string): string {
  const escaped = name.replace(/[^A-Za-z0-9-]/gu, escapeCharacter);
  if (escaped.length <= NAME_LENGTH) return escaped;
  const hash = createHash("sha256").update(name).digest("hex");
  return escaped.slice(0, NAME_LENGTH - HASH.length - hash.length) + HASH + hash;
}

function escapeCharacter(character: string): string {
  return Buffer.from(character).toString("hex").toUpperCase().replace(/../g, "_$&");
}

/** Why the address is no subject that a stream can store, or undefined. */
export function subjectFault(address: string): string | undefined {
  if (/[\s\p{Cc}]/u.test(address)) return "a subject holds no spaces and no control characters";
  if (address.split(".").includes("")) return "a subject has no empty part between its dots";
  return address.startsWith("$") ? "subjects that start with $ belong to the server" : undefined;
}

export function hasWildcard(address: string): boolean {
  return address.split(".").some((token) => token === "*" || token === ">");
}

/** Whether what `filter` stands for includes all that `subject` does. */
export function covers(filter: string, subject: string): boolean {
  const wanted = filter.split(".");
  const given = subject.split(".");
  for (const [index, token] of wanted.entries()) {
    const other = given[index];
    if (token === ">") return other !== undefined;
    if (other === undefined || other === ">") return false;
    if (token !== "*" && token !== other) return false;
  }
  return wanted.length === given.length;
}
