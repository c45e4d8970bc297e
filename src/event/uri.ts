/** RFC 3986: the URI and URI-reference of CloudEvents (spec.md "Type System"), checked without building anything. */

const ALPHA = 1;
const DIGIT = 2;
const HEX = 4;
/** What may stand in a scheme after its first letter. */
const SCHEME = 8;
/** pchar without `%`, and `/` and `?`: what may stand in a path or query. */
const PATH = 16;

const CLASSES = characterClasses();

/** What is wrong with a URI-reference (RFC 3986 section 4.1), or undefined. An empty one is left to the caller. */
export function uriReferenceProblem(value: string): string | undefined {
  const colon = schemeEnd(value);
  if (colon === 0 && colonBeforePath(value)) return "is not a URI-reference: what stands before its colon is no scheme";
  return restProblem(value, colon === 0 ? 0 : colon + 1);
}

/** What is wrong with an absolute URI, or undefined: it has a scheme. A fragment is allowed. */
export function uriProblem(value: string): string | undefined {
  const colon = schemeEnd(value);
  if (colon === 0) return "is not an absolute URI: it has no scheme such as https:";
  return restProblem(value, colon + 1);
}

/** The index of the colon after a valid scheme, or 0. */
function schemeEnd(value: string): number {
  if (!isClass(value.charCodeAt(0), ALPHA)) return 0;
  for (let i = 1; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x3a) return i;
    if (!isClass(code, SCHEME)) return 0;
  }
  return 0;
}

/** Whether the first segment of a reference without scheme holds a colon, which RFC 3986 section 4.2 forbids. */
function colonBeforePath(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x3a) return true;
    if (code === 0x2f || code === 0x3f || code === 0x23) return false;
  }
  return false;
}

function restProblem(value: string, start: number): string | undefined {
  let pathStart = start;
  if (value.charCodeAt(start) === 0x2f && value.charCodeAt(start + 1) === 0x2f) {
    pathStart = authorityEnd(value, start + 2);
    const problem = authorityProblem(value, start + 2, pathStart);
    if (problem !== undefined) return problem;
  }
  const hash = legalEnd(value, pathStart, value.length);
  if (hash === value.length) return undefined;
  if (value.charCodeAt(hash) !== 0x23) return illegal(value, hash);
  const end = legalEnd(value, hash + 1, value.length);
  return end === value.length ? undefined : illegal(value, end);
}

/** The index of the first character, before `end`, that may not stand in a path, query or fragment; else `end`. */
function legalEnd(value: string, start: number, end: number): number {
  let i = start;
  while (i < end) {
    const code = value.charCodeAt(i);
    if (isClass(code, PATH)) i++;
    else if (code === 0x25 && isHexPair(value, i + 1)) i += 3;
    else return i;
  }
  return end;
}

function authorityEnd(value: string, start: number): number {
  for (let i = start; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x2f || code === 0x3f || code === 0x23) return i;
  }
  return value.length;
}

/** userinfo@host:port, where the host may be an IP literal in brackets (RFC 3986 section 3.2). */
function authorityProblem(value: string, start: number, end: number): string | undefined {
  const hostStart = Math.max(start, value.lastIndexOf("@", end - 1) + 1);
  const literal = value.charCodeAt(hostStart) === 0x5b;
  const close = literal ? value.indexOf("]", hostStart) : -1;
  if (literal && (close === -1 || close >= end)) return illegal(value, hostStart);
  const userEnd = legalEnd(value, start, hostStart);
  if (userEnd < hostStart) return illegal(value, userEnd);
  const colon = value.indexOf(":", hostStart);
  const hostEnd = literal ? close : colon === -1 || colon > end ? end : colon;
  const hostLegal = legalEnd(value, literal ? hostStart + 1 : hostStart, hostEnd);
  if (hostLegal < hostEnd) return illegal(value, hostLegal);
  return portProblem(value, literal ? hostEnd + 1 : hostEnd, end);
}

/** Nothing, or a colon and digits. */
function portProblem(value: string, start: number, end: number): string | undefined {
  if (start === end) return undefined;
  let i = value.charCodeAt(start) === 0x3a ? start + 1 : start;
  if (i === start) return illegal(value, start);
  while (i < end && isClass(value.charCodeAt(i), DIGIT)) i++;
  return i === end ? undefined : "is not a URI-reference: its port is no number";
}

function illegal(value: string, index: number): string {
  const character = String.fromCodePoint(value.codePointAt(index) ?? 0);
  return `is not a URI-reference: ${JSON.stringify(character)} at character ${index + 1} must be percent-encoded`;
}

function isHexPair(value: string, index: number): boolean {
  return isClass(value.charCodeAt(index), HEX) && isClass(value.charCodeAt(index + 1), HEX);
}

function isClass(code: number, mask: number): boolean {
  return code < 128 && ((CLASSES[code] ?? 0) & mask) !== 0;
}

function characterClasses(): Uint8Array {
  const classes = new Uint8Array(128);
  const mark = (characters: string, mask: number) => {
    for (const character of characters) {
      const code = character.charCodeAt(0);
      classes[code] = (classes[code] ?? 0) | mask;
    }
  };
  mark("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", ALPHA | SCHEME | PATH);
  mark("0123456789", DIGIT | HEX | SCHEME | PATH);
  mark("abcdefABCDEF", HEX);
  mark("+-.", SCHEME);
  mark("-._~!$&'()*+,;=:@/?", PATH);
  return classes;
}
