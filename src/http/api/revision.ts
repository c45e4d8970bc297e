/** Revisions as entity tags (RFC 9110 §8.8.3, §13.1.1). A tag names the revision of a resource, not of its status. */
import { PulsebusError } from "../../errors.ts";

export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/**
 * The revision that `If-Match` asks for; undefined when any will do. A tag that no revision ever had can't match, so it
 * throws `precondition-failed`; several tags in one field are refused, since only one revision can be current.
 */
export function expectedRevision(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === "*") return undefined;
  const tag = ifMatch.trim();
  const match = /^"(\d{1,15})"$/.exec(tag);
  if (match !== null) return Number(match[1]);
  if (/^(?:W\/)?"[^"]*"$/.test(tag)) {
    throw new PulsebusError("precondition-failed", `no revision has the entity tag ${tag}`, { at: "If-Match" });
  }
  throw new PulsebusError("invalid-request", "If-Match must be * or one entity tag, as ETag told it", {
    at: "If-Match",
  });
}
