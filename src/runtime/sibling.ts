import { extname } from "node:path/posix";

/**
 * The address of a file beside the caller's, to be loaded by a thread: `sibling(import.meta.url, "operations")`. It has
 * the caller's extension, since the sources run as `.ts` by type stripping and as `.js` from `dist/`.
 */
export function sibling(metaUrl: string, name: string): URL {
  const extension = extname(new URL(metaUrl).pathname);
  return new URL(`./${name}${extension}`, metaUrl);
}
