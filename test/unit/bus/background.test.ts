/**
 * Goal: what a broker has to confirm is repeated until it is, soon or slowly by the kind of failure, one step of a name
 * at a time, and ends with the bus. Method: the background on time that the test advances, with steps that it settles.
 */
import { describe, expect, it } from "vitest";
import { Background } from "../../../src/bus/background.ts";
import { PulsebusError } from "../../../src/errors.ts";
import { BACKGROUND_STEPS_MAX } from "../../../src/limits.ts";
import { TransportError } from "../../../src/transport/port.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const away = () => new TransportError("unavailable", "the broker is away");
const refused = () => new TransportError("permission_denied", "you may not");

/** Everything that is at hand is dealt with. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function setUp() {
  const clock = new ManualClock();
  const logged: string[] = [];
  const log = (level: string) => (_fields: object, message: string) => void logged.push(`${level}: ${message}`);
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  const background = new Background({ clock, random: () => 1, logger });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turn();
  };
  return { clock, logged, background, advance };
}

/** A step that does what the test says next; the last saying holds. */
function scripted(...says: (() => Error | undefined)[]) {
  const script = {
    tries: 0,
    async run(): Promise<void> {
      const error = says[Math.min(script.tries, says.length - 1)]?.();
      script.tries += 1;
      if (error !== undefined) throw error;
    },
  };
  return script;
}

const fine = () => undefined;

describe("a task", () => {
  it("is done when its first try is confirmed", async () => {
    const { background, logged } = setUp();
    const task = background.repeat('topic "t"', "nats", scripted(fine).run);
    expect(await task.outcome(1_000)).toBe("confirmed");
    expect(task).toMatchObject({ isOpen: false, fault: undefined });
    expect(logged).toEqual([]);
  });

  it("is repeated at once a second while its broker is away, and says why", async () => {
    const { background, advance, logged } = setUp();
    const step = scripted(away);
    const task = background.repeat('topic "t"', "nats", step.run);
    await turn();
    const triesAfter: number[] = [];
    for (const ms of [250, 500, 1_000, 1_000, 1_000]) {
      await advance(ms);
      triesAfter.push(step.tries);
    }
    expect(triesAfter).toEqual([2, 3, 4, 5, 6]);
    expect(task.fault).toMatchObject({ message: "the broker is away" });
    expect(logged).toEqual(["warn: not confirmed yet; it is tried again"]);
  });

  it("is repeated ever more slowly when it is refused, once a minute in the end", async () => {
    const { background, advance, logged } = setUp();
    const step = scripted(refused);
    background.repeat('topic "t"', "nats", step.run);
    await turn();
    for (let seconds = 0; seconds < 3_600; seconds += 1) await advance(1_000);
    expect(step.tries).toBeGreaterThan(60);
    expect(step.tries).toBeLessThan(75);
    expect(logged).toEqual(["error: refused; it is tried again now and then"]);
  });

  it("is tried again soon when a refusal becomes an absence", async () => {
    const { background, advance } = setUp();
    const step = scripted(...Array.from({ length: 12 }, () => refused), away);
    background.repeat('topic "t"', "nats", step.run);
    await turn();
    for (let minute = 0; minute < 13; minute += 1) await advance(60_000);
    const { tries } = step;
    for (let second = 0; second < 5; second += 1) await advance(1_000);
    expect(step.tries).toBe(tries + 5);
  });

  it("says what its fault is now, and that there is none in the end", async () => {
    const { background, advance, logged } = setUp();
    const task = background.repeat('topic "t"', "nats", scripted(away, refused, fine).run);
    expect(task.fault).toMatchObject({ message: "the transport has not answered yet" });
    await turn();
    await advance(250);
    expect(task.fault).toMatchObject({ message: "you may not" });
    await advance(500);
    expect(task.fault).toBeUndefined();
    expect(logged.at(-1)).toBe("info: confirmed");
  });
});

describe("whoever waits for a task", () => {
  it("is told at once of a refusal, and of an absence only when the time is over", async () => {
    const { background, advance } = setUp();
    expect(await background.repeat("a", "nats", scripted(refused).run).outcome(10_000)).toBe("refused");
    let outcome: string | undefined;
    void background
      .repeat("b", "nats", scripted(away).run)
      .outcome(10_000)
      .then((told) => {
        outcome = told;
      });
    await advance(9_999);
    expect(outcome).toBeUndefined();
    await advance(1);
    expect(outcome).toBe("open");
  });

  it("makes it try at once, and is not told what was known before", async () => {
    const { background } = setUp();
    const task = background.repeat("a", "nats", scripted(refused, fine).run);
    await turn();
    expect(await task.outcome(10_000)).toBe("confirmed");
  });

  it("need not wait for more than the first try", async () => {
    const { background, advance } = setUp();
    const task = background.repeat("a", "nats", scripted(away).run);
    await task.tried(10_000);
    const hanging = background.repeat("b", "nats", () => new Promise(() => {}));
    let isOver = false;
    void hanging.tried(500).then(() => {
      isOver = true;
    });
    await advance(499);
    expect(isOver).toBe(false);
    await advance(1);
    expect(isOver).toBe(true);
  });
});

describe("a task in place of another of its name", () => {
  it("begins only when the step of that one has ended, which is told that nobody wants it any more", async () => {
    const { background } = setUp();
    const order: string[] = [];
    const released = Promise.withResolvers<void>();
    const first = background.repeat("a", "nats", async (signal) => {
      order.push("first begins");
      await released.promise;
      order.push(`first ends, aborted: ${signal.aborted}`);
      throw away();
    });
    await turn();
    const second = background.repeat("a", "nats", async () => void order.push("second"));
    await turn();
    expect(order).toEqual(["first begins"]);
    released.resolve();
    expect(await second.outcome(1_000)).toBe("confirmed");
    expect(order).toEqual(["first begins", "first ends, aborted: true", "second"]);
    expect(first.isOpen).toBe(false);
  });
});

describe("the background", () => {
  it("runs a bounded number of steps on one transport, and no fewer on another", async () => {
    const { background } = setUp();
    const running = { nats: 0, kafka: 0 };
    const hang = (transport: keyof typeof running) => async () => {
      running[transport] += 1;
      await new Promise(() => {});
    };
    for (let n = 0; n < 2 * BACKGROUND_STEPS_MAX; n += 1) background.repeat(`n${n}`, "nats", hang("nats"));
    background.repeat("k", "kafka", hang("kafka"));
    await turn();
    expect(running).toEqual({ nats: BACKGROUND_STEPS_MAX, kafka: 1 });
  });

  it("stops when no step runs, begins none after, and lets nobody wait", async () => {
    const { background, advance } = setUp();
    const released = Promise.withResolvers<void>();
    const waiting = scripted(away);
    background.repeat("waiting", "nats", waiting.run);
    const running = background.repeat("running", "nats", () => released.promise);
    const outcome = running.outcome(10_000);
    await turn();
    let isStopped = false;
    const stopped = background.stop().then(() => {
      isStopped = true;
    });
    expect(await outcome).toBe("open");
    await advance(60_000);
    expect({ isStopped, tries: waiting.tries }).toEqual({ isStopped: false, tries: 1 });
    released.resolve();
    await stopped;
    const late = scripted(fine);
    expect(await background.repeat("late", "nats", late.run).outcome(10_000)).toBe("open");
    expect(late.tries).toBe(0);
  });

  it("takes a failing store for something that passes", async () => {
    const { background, advance } = setUp();
    const step = scripted(() => new PulsebusError("storage-full", "no room"), fine);
    const task = background.repeat("a", "embedded", step.run);
    const outcome = task.outcome(10_000);
    await turn();
    await advance(250);
    expect(await outcome).toBe("confirmed");
  });
});
