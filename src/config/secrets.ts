/** Covering secrets in what is printed: by the name of a member, and inside URLs. */
import { parsePointer } from "../pointer.ts";

export const COVERED = "***";

const SECRET_NAME =
  /secret|password|passwd|token|credential|private_?key|api_?key|access_?key|signature|authorization/i;
const USER_INFO = /(\w+:\/\/)[^/\s@]+@/g;
const QUERY_VALUE = /([?&](?:[^=&#\s]*(?:secret|password|token|key|code)[^=&#\s]*|sig|sas|auth)=)[^&#\s]*/gi;

/** The text at a JSON pointer with every secret in it replaced by `***`. */
export function coverSecret(text: string, at: string): string {
  if (SECRET_NAME.test(parsePointer(at).at(-1) ?? "")) return COVERED;
  return text.replaceAll(USER_INFO, `$1${COVERED}@`).replaceAll(QUERY_VALUE, `$1${COVERED}`);
}
