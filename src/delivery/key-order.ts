/**
 * The order of deliveries with the same key: one at a time, in the order received, also through retries and restarts.
 *
 * A key that nothing is owed to is unknown here. Otherwise its lane holds, from old to new:
 *
 *   running   the one that is ready, being attempted, or whose outcome is being written
 *   rows      those that the store holds; it has one of them due at a time (see the Store port)
 *   waiting   received ones without a row
 *
 * The rule that keeps the order through a crash: what has no row is newer than what has one. The transport hands out
 * again what was not acked, and what was acked has a row that the key waits for. So waiting ones are parked only after,
 * or together with, all that are older: when the running one has to be parked for a retry, or when so many wait that the
 * buffer is full, all of the lane go to the store in one transaction, in order, the running one as leased to its
 * attempt. From then on, until no row is left, what is received for the key is parked behind it. When a write is given up,
 * because the runner stops, the lane stands still: what is behind stays unacked too, and comes again in its order.
 */
import type { MovedDeadLetter, Park } from "../store/port.ts";
import type { OpenDelivery } from "./open-delivery.ts";

export interface KeyOrderOptions {
  /** Deliveries of all keys that may wait in memory. */
  readonly waitingMax: number;
  /** The row that a delivery is parked with while another is before it, or while its attempt runs. */
  readonly rowOf: (delivery: OpenDelivery, leased: boolean) => Park;
  /** True once all are durable; false when that was given up. */
  readonly park: (rows: readonly Park[]) => Promise<boolean>;
  /** A delivery may be attempted: nothing of its key is before it. */
  readonly onReady: (delivery: OpenDelivery) => void;
  /** The row of a received delivery is durable, or was given up. */
  readonly onParked: (delivery: OpenDelivery, stored: boolean) => void;
}

class Lane {
  running: OpenDelivery | undefined;
  /** Rows whose turn the store says it is, while `running` is something that it does not know of. */
  readonly leased: OpenDelivery[] = [];
  waiting: OpenDelivery[] = [];
  rows = 0;
  isWriting = false;
  isGivenUp = false;

  get isEmpty(): boolean {
    const { running, leased, waiting, rows, isWriting } = this;
    return running === undefined && rows === 0 && waiting.length === 0 && leased.length === 0 && !isWriting;
  }
}

export class KeyOrder {
  readonly #options: KeyOrderOptions;
  readonly #lanes = new Map<string, Lane>();
  #waiting = 0;
  #behind = 0;

  constructor(options: KeyOrderOptions) {
    this.#options = options;
  }

  /** Before the first delivery is offered: how many rows hold each key. */
  load(held: ReadonlyMap<string, number>): void {
    for (const [key, rows] of held) this.#hold(this.#lane(key), rows);
  }

  /** How many rows hold each key in truth. */
  recount(held: ReadonlyMap<string, number>): void {
    for (const lane of this.#lanes.values()) this.#hold(lane, -lane.rows);
    this.load(held);
    for (const [key, lane] of [...this.#lanes]) this.#next(key, lane);
  }

  /** A delivery was received, or leased; `onReady` is called now or when its turn has come. */
  offer(delivery: OpenDelivery, key: string): void {
    const lane = this.#lane(key);
    const isReceived = delivery.item !== undefined;
    (isReceived ? lane.waiting : lane.leased).push(delivery);
    if (isReceived) this.#waiting += 1;
    const isBehindRows = lane.rows > 0 || lane.isWriting;
    if (isReceived && (isBehindRows || this.#waiting > this.#options.waitingMax)) void this.#parkAll(key, lane);
    else this.#next(key, lane);
  }

  /** The running one has to be tried again: parks it with this row and, behind it, all that wait. False: given up. */
  park(key: string, row: Park): Promise<boolean> {
    return this.#parkAll(key, this.#lane(key), row);
  }

  /** Writes another outcome of the running one: nobody parks it, or what waits behind it, meanwhile. */
  async write(key: string, write: () => Promise<boolean>): Promise<boolean> {
    const lane = this.#lane(key);
    lane.isWriting = true;
    const stored = await write();
    lane.isWriting = false;
    if (!stored) lane.isGivenUp = true;
    return stored;
  }

  /** Parks a received delivery, with all of its key that are older and have no row, instead of attempting it now. */
  parkReceived(delivery: OpenDelivery, key: string): Promise<boolean> {
    const lane = this.#lane(key);
    lane.waiting.push(delivery);
    this.#waiting += 1;
    return this.#parkAll(key, lane);
  }

  /** The outcome of the running one is durable; so many rows more or less hold its key. */
  ended(key: string, rows: -1 | 0 | 1): void {
    const lane = this.#lane(key);
    lane.running = undefined;
    this.#hold(lane, rows);
    if (rows === 1) void this.#parkAll(key, lane);
    else this.#next(key, lane);
  }

  /** A row that had no key before, or was not there, is behind those of this one now. */
  joined(key: string): void {
    this.#hold(this.#lane(key), 1);
  }

  /** Dead letters that were parked again hold their key. */
  redriven(moved: readonly MovedDeadLetter[]): void {
    for (const { key, blocked } of moved) if (key !== undefined && !blocked) this.#hold(this.#lane(key), 1);
  }

  /** Dead letters that blocked their key are gone. */
  discarded(moved: readonly MovedDeadLetter[]): void {
    for (const { key, blocked } of moved) {
      if (key === undefined || !blocked) continue;
      const lane = this.#lane(key);
      this.#hold(lane, -1);
      this.#next(key, lane);
    }
  }

  /** Parks all that wait in memory, for a time in which nothing is attempted. */
  async parkWaiting(): Promise<void> {
    const lanes = [...this.#lanes].filter(([, { waiting }]) => waiting.length > 0);
    await Promise.all(lanes.map(([key, lane]) => this.#parkAll(key, lane)));
  }

  /** Received deliveries that wait here. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether more wait here than may, until they are parked. */
  get isFull(): boolean {
    return this.#waiting > this.#options.waitingMax;
  }

  /** Rows that wait behind another of their key. */
  get behind(): number {
    return this.#behind;
  }

  /** Ids of rows that are leased and wait here. */
  get leased(): string[] {
    return [...this.#lanes.values()].flatMap(({ leased }) => leased.map(({ id }) => id));
  }

  #lane(key: string): Lane {
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane = new Lane();
    this.#lanes.set(key, lane);
    return lane;
  }

  /** So many rows more, or less, hold the key of this lane. */
  #hold(lane: Lane, rows: number): void {
    const before = Math.max(0, lane.rows - 1);
    lane.rows += rows;
    this.#behind += Math.max(0, lane.rows - 1) - before;
  }

  /** Gives the next one its turn, when none is running. Received ones are older than rows that were leased meanwhile. */
  #next(key: string, lane: Lane): void {
    if (lane.running !== undefined || lane.isWriting || lane.isGivenUp) return;
    const next = lane.waiting.shift();
    if (next !== undefined) this.#waiting -= 1;
    lane.running = next ?? lane.leased.shift();
    if (lane.running !== undefined) this.#options.onReady(lane.running);
    else if (lane.isEmpty) this.#lanes.delete(key);
  }

  /**
   * Parks all of the lane that has no row; `outcome` is the row of the running one when its attempt has ended. One write
   * a lane at a time keeps their order. A running one whose row is being written awaits that before it comes here.
   */
  async #parkAll(key: string, lane: Lane, outcome?: Park): Promise<boolean> {
    if (lane.isWriting || lane.isGivenUp) return !lane.isGivenUp;
    lane.isWriting = true;
    let stored = await this.#parkOnce(lane, outcome);
    while (stored && lane.waiting.length > 0) stored = await this.#parkOnce(lane, undefined);
    lane.isWriting = false;
    if (!stored) lane.isGivenUp = true;
    this.#next(key, lane);
    return stored;
  }

  async #parkOnce(lane: Lane, outcome: Park | undefined): Promise<boolean> {
    const { rowOf, park, onParked } = this.#options;
    const running = lane.running?.item === undefined ? undefined : lane.running;
    const behind = lane.waiting;
    lane.waiting = [];
    this.#waiting -= behind.length;
    const rows = behind.map((delivery) => rowOf(delivery, false));
    if (running !== undefined) rows.unshift(outcome ?? rowOf(running, true));
    if (rows.length === 0) return true;
    const writing = park(rows);
    if (running !== undefined) running.parking = writing;
    const stored = await writing;
    if (stored) this.#hold(lane, rows.length);
    for (const delivery of running === undefined ? behind : [running, ...behind]) onParked(delivery, stored);
    return stored;
  }
}
