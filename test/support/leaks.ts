/** What tests started and have to stop: whatever is left after a test fails it, and is stopped. */
import { afterEach } from "vitest";

interface Open {
  readonly what: string;
  readonly destroy: () => void;
}

const open = new Set<Open>();

/** Nothing outlives the process that started it. */
process.once("exit", () => {
  for (const { destroy } of open) destroy();
});

/** Notes something that runs; the answer says that it has ended. */
export function track(what: string, destroy: () => void): () => void {
  const entry = { what, destroy };
  open.add(entry);
  return () => void open.delete(entry);
}

/** For the top of a test file. */
export function failOnLeaks(): void {
  afterEach(() => {
    const left = [...open];
    open.clear();
    for (const { destroy } of left) destroy();
    if (left.length > 0) throw new Error(`left running: ${left.map(({ what }) => what).join(", ")}`);
  });
}
