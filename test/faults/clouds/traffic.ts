/** Steady publishing in one cloud, over whatever happens to its bus: an event is sent again until it has its 202. */
import { setTimeout as sleep } from "node:timers/promises";
import { sampleOf } from "../../../scripts/demo/sample.ts";
import { send } from "../../support/http.ts";
import type { Account } from "./account.ts";
import type { Cloud } from "./layout.ts";

/** At once; each waits for its answer, so that an outage holds back no more events than this. */
const PUBLISHERS = 8;
const RETRY_MS = 100;

export class Traffic {
  readonly #cloud: Cloud;
  readonly #account: Account;
  readonly #pauseMs: number;
  readonly #publishing: readonly Promise<void>[];
  #next = 0;
  #isStopped = false;

  /** `rate`: events a second while nothing is broken. */
  constructor(cloud: Cloud, account: Account, rate: number) {
    this.#cloud = cloud;
    this.#account = account;
    this.#pauseMs = (PUBLISHERS * 1_000) / rate;
    this.#publishing = Array.from({ length: PUBLISHERS }, () => this.#publish());
  }

  /** Resolves when each event that was begun has its 202. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#publishing);
  }

  async #publish(): Promise<void> {
    await sleep(Math.random() * this.#pauseMs); // they take turns
    while (!this.#isStopped) {
      await Promise.all([this.#publishOne(this.#next++), sleep(this.#pauseMs)]);
    }
  }

  async #publishOne(number: number): Promise<void> {
    const { name, bus } = this.#cloud;
    const { id, request } = sampleOf(name, number);
    this.#account.publishing(id, name, number);
    for (;;) {
      const { url } = await bus.current;
      const reply = await send(`${url}/topics/orders/events`, request).catch(() => undefined); // the bus was killed
      if (reply?.status === 202) break;
      if (reply !== undefined && reply.status !== 503)
        throw new Error(`${id} was answered ${reply.status}: ${reply.body}`);
      await sleep(RETRY_MS);
    }
    this.#account.accepted(id);
  }
}
