/**
 * The parts of the benchmark run in processes of their own, so that none takes time from another's event loop. The
 * coordinator calls them over Node's IPC channel: one message for a call, one for its result. A part ends when the
 * coordinator does.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** What a part can be asked to do. Arguments and results are plain data. */
export type Commands = Readonly<Record<string, (argument: never) => unknown>>;

interface Call {
  readonly id: number;
  readonly command: string;
  readonly argument: unknown;
}

type Reply = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string };

/** For the main module of a part. */
export function serveCommands(commands: Commands): void {
  process.on("message", async ({ id, command, argument }: Call) => {
    process.send?.(await reply(id, commands[command], argument));
  });
  process.on("disconnect", () => process.exit());
}

async function reply(id: number, handler: Commands[string] | undefined, argument: unknown): Promise<Reply> {
  try {
    return { id, result: await handler?.(argument as never) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

export class Part<C extends Commands> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;

  /** `file` is a main module that calls `serveCommands`. */
  constructor(file: URL) {
    this.#child = fork(file);
    this.#child.on("message", (reply: Reply) => this.#settle(reply));
    this.#child.on("exit", (code) => {
      for (const { reject } of this.#pending.values()) reject(new Error(`${file.pathname} ended (${code})`));
    });
  }

  call<K extends keyof C & string>(command: K, ...[argument]: Parameters<C[K]>): Promise<Awaited<ReturnType<C[K]>>> {
    const id = ++this.#calls;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(id, pending);
    const call: Call = { id, command, argument };
    this.#child.send(call);
    return pending.promise as Promise<Awaited<ReturnType<C[K]>>>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ("error" in reply) pending?.reject(new Error(reply.error));
    else pending?.resolve(reply.result);
  }
}
