/** Covering secrets in what is printed: by the name of a member, and inside URLs. */
import { isObject } from "../json-value.ts";

export const COVERED = "***";

const SECRET_NAME =
  /secret|password|passwd|token|credential|private_?key|api_?key|access_?key|signature|authorization/i;
const USER_INFO = /(\w+:\/\/)[^/\s@]+@/g;
const QUERY_VALUE = /([?&](?:[^=&#\s]*(?:secret|password|token|key|code)[^=&#\s]*|sig|sas|auth)=)[^&#\s]*/gi;

/** A copy in which every secret is replaced by `***`. */
export function coverSecrets(value: unknown): unknown {
  if (typeof value === "string")
    return value.replaceAll(USER_INFO, `$1${COVERED}@`).replaceAll(QUERY_VALUE, `$1${COVERED}`);
  if (Array.isArray(value)) return value.map(coverSecrets);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, coverMember(name, member)]));
}

function coverMember(name: string, member: unknown): unknown {
  return typeof member === "string" && SECRET_NAME.test(name) ? COVERED : coverSecrets(member);
}
