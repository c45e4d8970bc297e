/**
 * One client of the SDK, which is one connection. Reconnecting is gRPC's; what gRPC does not notice is a connection
 * whose other end is gone without a word. So a call that got no answer in time closes the client, and the next call
 * opens another.
 */
import { closedError, statusOf, toTransportError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

interface Client {
  close(): Promise<void>;
}

/** The part of gax's CallOptions that is used. No retries: when to try again is the caller's to say. */
interface CallOptions {
  readonly timeout: number;
  readonly retry: null;
  readonly signal?: AbortSignal;
}

interface CallLimits {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** No answer in time is normal, as for a pull. */
  readonly mayTimeOut?: boolean;
}

export class Channel<C extends Client> {
  readonly #open: () => C;
  readonly #closing = new Set<Promise<void>>();
  #client: C | undefined;
  #isClosed = false;

  constructor(open: () => C) {
    this.#open = open;
  }

  /** Rejects with a `TransportError`; `what` begins its message. */
  async call<Answer>(
    what: string,
    send: (client: C, options: CallOptions) => Promise<readonly [Answer, ...unknown[]]>,
    { timeoutMs = LIMITS.callTimeoutMs, signal, mayTimeOut = false }: CallLimits = {},
  ): Promise<Answer> {
    if (this.#isClosed) throw closedError();
    this.#client ??= this.#open();
    const client = this.#client;
    try {
      const options = { timeout: timeoutMs, retry: null, ...(signal === undefined ? {} : { signal }) };
      const [answer] = await send(client, options);
      return answer;
    } catch (cause) {
      const error = toTransportError(cause, what);
      const isHung = error.code === "timeout" && !mayTimeOut;
      // Without a status the client never got to send, and it remembers that for good.
      if (isHung || statusOf(cause) === undefined) this.#drop(client);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#client !== undefined) this.#drop(this.#client);
    await Promise.all(this.#closing);
  }

  #drop(client: C): void {
    if (this.#client === client) this.#client = undefined;
    const closing = client.close().catch(() => {}); // it never opened
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
  }
}
