/**
 * Steady traffic over one topic, whatever happens: an event every `TICK_MS`, none of them twice, and a subscription that
 * tells when each arrives. It shows how soon both go on after an outage, and whether anything accepted is lost.
 */
import { subscribe } from "../../support/api.ts";
import { eventually } from "../../support/eventually.ts";
import { publish } from "../../support/http.ts";
import { startReceiver } from "../../support/receiver.ts";

export interface Recovery {
  /** From the end of the outage to the first 202, milliseconds. */
  readonly publishMs: number;
  /** From the end of the outage to the first arrival of an event that was accepted after it. */
  readonly receiveMs: number;
}

const TICK_MS = 50;
const RECOVERY_MS_MAX = 120_000;
const ARRIVAL_MS_MAX = 300_000;

export class Probe {
  readonly #url: string;
  readonly #topic: string;
  /** When the 202 came, milliseconds of `performance.now()`. */
  readonly #acceptedAt = new Map<string, number>();
  readonly #arrivedAt = new Map<string, number>();
  readonly #underWay = new Set<Promise<void>>();
  #ticking: NodeJS.Timeout | undefined;
  #next = 0;

  constructor(url: string, topic: string) {
    this.#url = url;
    this.#topic = topic;
  }

  async start(stack: AsyncDisposableStack): Promise<void> {
    const receiver = await startReceiver(({ id = "?", at }) => {
      receiver.requests.length = 0; // what is needed of them is kept here
      if (!this.#arrivedAt.has(id)) this.#arrivedAt.set(id, at);
      return 204;
    });
    stack.use(receiver);
    await subscribe(this.#url, { id: this.#topic, topic: this.#topic, sink: receiver.url() });
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
    stack.defer(() => clearInterval(this.#ticking));
    await this.recovery(performance.now());
  }

  /** Waits until publishing and receiving have gone on since `back`, the end of an outage. */
  async recovery(back: number): Promise<Recovery> {
    const publishMs = await firstAfter(this.#acceptedAt, () => true, back);
    const receiveMs = await firstAfter(this.#arrivedAt, (id) => (this.#acceptedAt.get(id) ?? 0) >= back, back);
    return { publishMs, receiveMs };
  }

  /** Ends the traffic; answers how many accepted events have not arrived after a long wait. */
  async stop(): Promise<number> {
    clearInterval(this.#ticking);
    await Promise.all(this.#underWay);
    const lost = () => [...this.#acceptedAt.keys()].filter((id) => !this.#arrivedAt.has(id)).length;
    await eventually(() => {
      if (lost() > 0) throw new Error("events are owed");
    }, ARRIVAL_MS_MAX).catch(() => {});
    return lost();
  }

  #tick(): void {
    const sent = this.#publish(`${this.#topic}-${this.#next++}`).finally(() => this.#underWay.delete(sent));
    this.#underWay.add(sent);
  }

  async #publish(id: string): Promise<void> {
    const { status } = await publish(this.#url, this.#topic, { id });
    if (status === 202) this.#acceptedAt.set(id, performance.now());
  }
}

/** How long after `back` the first of these came; waits for it. */
function firstAfter(
  times: ReadonlyMap<string, number>,
  counts: (id: string) => boolean,
  back: number,
): Promise<number> {
  return eventually(() => {
    const since = [...times].filter(([id, at]) => at >= back && counts(id)).map(([, at]) => at - back);
    if (since.length === 0) throw new Error("nothing has come since the outage");
    return Math.min(...since);
  }, RECOVERY_MS_MAX);
}
