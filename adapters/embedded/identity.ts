/**
 * What tells whether two events are the same: source and id, as the first 16 bytes of the SHA-256 of both.
 *
 * Two events with different ones are never taken for one. Among all the events that a topic remembers (a million) the
 * chance that any two collide is 10^-27; and who wants to make one event hide another has to find a second text for a
 * given hash, which takes 2^128 tries. A line break stands between the two: neither can hold one.
 */
import { hash } from "node:crypto";
import { recordEnd, recordIdentity } from "../../src/event/record.ts";

export const IDENTITY_BYTES = 16;

/** The identities of the records in `body`, which are back to back, are written to `target` in the same way. */
export function writeIdentities(body: Buffer, target: Buffer, offset: number): void {
  let at = offset;
  for (let start = 0; start < body.length; start = recordEnd(body, start)) {
    const { source, id } = recordIdentity(body, start);
    at += target.write(hash("sha256", `${source}\n${id}`, "hex"), at, IDENTITY_BYTES, "hex");
  }
}
