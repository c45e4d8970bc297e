/**
 * A LIKE pattern as a nondeterministic automaton whose states are bits: state `i` says that the text so far may have
 * used up the first `i` elements of the pattern. A character moves state `i` to `i + 1` when element `i` accepts it; a
 * `%` behind the first `i` elements lets state `i` also stay. 32 states move at once, so a text of n characters and a
 * pattern of m elements take n × m / 32 steps, whatever they are.
 */

export type Matcher = (text: string) => boolean;

/** The element that accepts every character; the others are code points. */
export const ANY = -1;

/** Elements of a pattern that stand next to each other. */
export type Piece = readonly number[];

/** The matcher of a pattern that has a `%` between each two pieces. */
export function automatonMatcher(pieces: readonly Piece[]): Matcher {
  const elements = pieces.flat();
  const words = (elements.length >> 5) + 1;
  const stays = staysOf(pieces, words);
  const acceptsAny = bits(indexesOf(elements, ANY), words);
  const accepts = acceptsOf(elements, words);
  const states = new Uint32Array(words);
  return (text) => {
    states.fill(0);
    states[0] = 1;
    for (let i = 0; i < text.length; i++) {
      const character = text.codePointAt(i) ?? 0;
      if (character > 0xffff) i++;
      if (!advance(states, accepts.get(character) ?? acceptsAny, stays)) return false;
    }
    return hasBit(states, elements.length);
  };
}

/** Moves all states over one character; false when none is left. */
function advance(states: Uint32Array, accepts: Uint32Array, stays: Uint32Array): boolean {
  let carry = 0;
  let alive = 0;
  for (let word = 0; word < states.length; word++) {
    const before = states[word] ?? 0;
    const moving = before & (accepts[word] ?? 0);
    const after = (moving << 1) | carry | (before & (stays[word] ?? 0));
    states[word] = after;
    carry = moving >>> 31;
    alive |= after;
  }
  return alive !== 0;
}

function staysOf(pieces: readonly Piece[], words: number): Uint32Array {
  let end = 0;
  const ends = pieces.slice(0, -1).map((piece) => {
    end += piece.length;
    return end;
  });
  return bits(ends, words);
}

/** For each code point of the pattern, the elements that accept it. */
function acceptsOf(elements: Piece, words: number): ReadonlyMap<number, Uint32Array> {
  const any = indexesOf(elements, ANY);
  const literals = new Set(elements);
  literals.delete(ANY);
  return new Map([...literals].map((literal) => [literal, bits([...any, ...indexesOf(elements, literal)], words)]));
}

function indexesOf(elements: Piece, wanted: number): readonly number[] {
  return elements.flatMap((element, index) => (element === wanted ? [index] : []));
}

function bits(indexes: readonly number[], words: number): Uint32Array {
  const set = new Uint32Array(words);
  for (const index of indexes) set[index >> 5] = (set[index >> 5] ?? 0) | (1 << (index & 31));
  return set;
}

function hasBit(set: Uint32Array, index: number): boolean {
  return (((set[index >> 5] ?? 0) >>> (index & 31)) & 1) === 1;
}
