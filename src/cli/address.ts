import { usageFailure } from "./failure.ts";

/** The address that a flag gives. Throws a usage failure that names the flag. */
export function parseHttpUrl(flag: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw usageFailure(`${flag}: ${JSON.stringify(text)} is no http:// or https:// address`);
}

/** Whether it can only be this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname);
}
