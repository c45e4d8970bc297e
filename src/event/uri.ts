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
  let i = start;
  if (value.charCodeAt(i) === 0x2f && value.charCodeAt(i + 1) === 0x2f) {
    i = authorityEnd(value, i + 2);
    const problem = authorityProblem(value, start + 2, i);
    if (problem !== undefined) return problem;
  }
  let fragment = false;
  for (; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (isClass(code, PATH)) continue;
    if (code === 0x23 && !fragment) fragment = true;
    else if (code === 0x25 && isHexPair(value, i + 1)) i += 2;
    else return illegal(value, i);
  }
  return undefined;
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
  const literalEnd = value.charCodeAt(hostStart) === 0x5b ? value.indexOf("]", hostStart) : hostStart;
  if (literalEnd === -1 || literalEnd >= end) return hostStart === end ? undefined : illegal(value, hostStart);
  for (let i = start; i < end; i++) {
    const code = value.charCodeAt(i);
    const bracket = literalEnd > hostStart && (i === hostStart || i === literalEnd);
    if (bracket || isClass(code, PATH)) continue;
    if (code === 0x25 && isHexPair(value, i + 1)) i += 2;
    else return illegal(value, i);
  }
  return portProblem(value, literalEnd, end);
}

function portProblem(value: string, hostEnd: number, end: number): string | undefined {
  const colon = value.lastIndexOf(":", end - 1);
  if (colon < hostEnd) return undefined;
  for (let i = colon + 1; i < end; i++) {
    if (!isClass(value.charCodeAt(i), DIGIT)) return "is not a URI-reference: its port is no number";
  }
  return undefined;
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
