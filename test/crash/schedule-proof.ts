/**
 * The times of scheduled events: none arrives before its `deliverytime`, and each is late by no more than what the kills
 * explain. An event that is delivered by the process which took it is undisturbed: nothing explains that it is late. For
 * the others, which may have been open at a kill, only the time counts which the last process took once it was up: what
 * was open is attempted one at a time, so that processes which are killed all the time may not get to it.
 */

export interface ScheduleVerdict {
  /** First deliveries of events with a `deliverytime`. */
  readonly scheduledDeliveries: number;
  /** How late the undisturbed ones were. */
  readonly latenessP50Ms: number;
  readonly latenessP99Ms: number;
  readonly latenessMaxMs: number;
  /** How long a process was up until it delivered one of the others, at most. */
  readonly catchUpMaxMs: number;
  /** Sentences. */
  readonly violations: readonly string[];
}

/** A process that has just started, on a busy machine. */
const LATENESS_MS_MAX = 1_500;
/** What was open at a kill is attempted one at a time. */
const CATCH_UP_MS_MAX = 20_000;

export class ScheduleProof {
  readonly #events = new Map<string, { readonly dueAt: number; readonly upSince: number }>();
  readonly #delivered = new Set<string>();
  /** Since when the process is up that delivers now, in milliseconds since the epoch. */
  #upSince = 0;
  readonly #latenessMs: number[] = [];
  #catchUpMaxMs = 0;
  readonly #violations: string[] = [];

  publishing(id: string, dueAt: number): void {
    this.#events.set(id, { dueAt, upSince: this.#upSince });
  }

  up(now: number): void {
    this.#upSince = now;
  }

  /** A sink said yes to an event which reached it at this time, in milliseconds since the epoch. */
  received(sink: string, id: string, now: number): void {
    const event = this.#events.get(id);
    if (event === undefined || this.#delivered.has(`${sink} ${id}`)) return;
    this.#delivered.add(`${sink} ${id}`);
    const { dueAt } = event;
    if (now < dueAt) this.#violations.push(`${sink} received ${id} ${dueAt - now} ms too early`);
    const isUndisturbed = event.upSince === this.#upSince;
    const late = now - Math.max(dueAt, this.#upSince);
    if (isUndisturbed) this.#latenessMs.push(late);
    else this.#catchUpMaxMs = Math.max(this.#catchUpMaxMs, late);
    if (late > (isUndisturbed ? LATENESS_MS_MAX : CATCH_UP_MS_MAX)) {
      const published = isUndisturbed ? "which no kill delayed" : "which was published before the start";
      this.#violations.push(`${sink} received ${id}, ${published}, ${late} ms too late`);
    }
  }

  verdict(): ScheduleVerdict {
    const sorted = this.#latenessMs.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
    return {
      scheduledDeliveries: this.#delivered.size,
      latenessP50Ms: at(0.5),
      latenessP99Ms: at(0.99),
      latenessMaxMs: at(1),
      catchUpMaxMs: this.#catchUpMaxMs,
      violations: this.#violations,
    };
  }
}
