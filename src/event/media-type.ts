/**
 * RFC 2046 media types with the grammar of RFC 9110 section 8.3.1, compared case-insensitively. Tabs are refused
 * although that grammar has them: the String of CloudEvents has no control characters.
 */

const TOKEN = tokenCharacters();

/** What is wrong with a media type, or undefined. */
export function mediaTypeProblem(value: string): string | undefined {
  const slash = tokenEnd(value, 0);
  if (slash === 0 || value.charCodeAt(slash) !== 0x2f) return notMediaType(value);
  let i = tokenEnd(value, slash + 1);
  if (i === slash + 1) return notMediaType(value);
  while (i < value.length) {
    i = spaceEnd(value, i);
    if (value.charCodeAt(i) !== 0x3b) return notMediaType(value);
    i = parameterEnd(value, spaceEnd(value, i + 1));
    if (i === -1) return notMediaType(value);
  }
  return undefined;
}

/** Whether the data of this content type is JSON: the subtype is `json` or ends in `+json` (json-format.md section 3.1). */
export function isJsonMediaType(contentType: string): boolean {
  const end = essenceEnd(contentType);
  const before = contentType.charCodeAt(end - 5);
  return (before === 0x2f || before === 0x2b) && endsWithJson(contentType, end);
}

/** `type/subtype` in lower case, without parameters. */
export function essenceOf(contentType: string): string {
  return contentType.slice(0, essenceEnd(contentType)).toLowerCase();
}

/** Whether the content type starts with `application/cloudevents`, which marks structured and batch mode. */
export function isCloudEventsMediaType(contentType: string): boolean {
  // Almost every content type of data leaves at the first test, which keeps this off the profile.
  return (contentType.charCodeAt(12) | 0x20) === 0x63 && PREFIX === contentType.slice(0, PREFIX.length).toLowerCase();
}

const PREFIX = "application/cloudevents";

/** The value of the `charset` parameter in lower case, or undefined. */
export function charsetOf(contentType: string): string | undefined {
  for (const parameter of contentType.split(";").slice(1)) {
    const [name, value] = parameter.split("=", 2);
    if (name?.trim().toLowerCase() === "charset" && value !== undefined) {
      return value.trim().replaceAll('"', "").toLowerCase();
    }
  }
  return undefined;
}

function essenceEnd(contentType: string): number {
  const semicolon = contentType.indexOf(";");
  let end = semicolon === -1 ? contentType.length : semicolon;
  while (end > 0 && contentType.charCodeAt(end - 1) === 0x20) end--;
  return end;
}

function endsWithJson(value: string, end: number): boolean {
  return (
    (value.charCodeAt(end - 4) | 0x20) === 0x6a &&
    (value.charCodeAt(end - 3) | 0x20) === 0x73 &&
    (value.charCodeAt(end - 2) | 0x20) === 0x6f &&
    (value.charCodeAt(end - 1) | 0x20) === 0x6e
  );
}

function notMediaType(value: string): string {
  return value === "" ? "is empty" : "is not a media type such as application/json";
}

/** The index after `name=value` or nothing (RFC 9110 allows an empty parameter); -1 when it is neither. */
function parameterEnd(value: string, start: number): number {
  const equals = tokenEnd(value, start);
  if (equals === start) return start;
  if (value.charCodeAt(equals) !== 0x3d) return -1;
  if (value.charCodeAt(equals + 1) === 0x22) return quotedEnd(value, equals + 1);
  const end = tokenEnd(value, equals + 1);
  return end === equals + 1 ? -1 : end;
}

function quotedEnd(value: string, start: number): number {
  for (let i = start + 1; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x22) return i + 1;
    if (code === 0x5c) i++;
    if (!isPrintable(value.charCodeAt(i))) return -1;
  }
  return -1;
}

function tokenEnd(value: string, start: number): number {
  let i = start;
  while (i < value.length && TOKEN[value.charCodeAt(i)] === 1) i++;
  return i;
}

function spaceEnd(value: string, start: number): number {
  let i = start;
  while (value.charCodeAt(i) === 0x20) i++;
  return i;
}

function isPrintable(code: number): boolean {
  return code >= 0x20 && code <= 0x7e;
}

function tokenCharacters(): Uint8Array {
  const table = new Uint8Array(128);
  const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (const character of token) table[character.charCodeAt(0)] = 1;
  return table;
}
