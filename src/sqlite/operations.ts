/** Loads the operations modules into a thread and prepares their operations on its connection. */
import type { DatabaseModule, Operation, OperationResult } from "./module.ts";

export function loadModules(urls: readonly string[]): Promise<readonly DatabaseModule[]> {
  return Promise.all(urls.map(async (url) => (await import(url)) as DatabaseModule));
}

export class Operations {
  readonly #operations = new Map<string, Operation>();

  constructor(
    modules: readonly DatabaseModule[],
    prepare: (module: DatabaseModule) => Readonly<Record<string, Operation>>,
  ) {
    for (const module of modules) {
      for (const [name, operation] of Object.entries(prepare(module))) {
        if (!name.startsWith(`${module.owner}.`)) throw new Error(`The operation ${name} lacks its owner's prefix`);
        this.#operations.set(name, operation);
      }
    }
  }

  run(name: string, payload: unknown): OperationResult {
    const operation = this.#operations.get(name);
    if (operation === undefined) throw new Error(`There is no operation ${name}`);
    return operation(payload as never);
  }
}
