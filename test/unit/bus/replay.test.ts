/** Goal: a replay delivers a range again, whole and once, and disturbs nothing. Method: a real bus and real webhooks. */
import { describe, expect, it } from "vitest";
import type { ReplayRequest, ReplayState, ReplayView } from "../../../src/bus/bus.ts";
import { PulsebusError } from "../../../src/errors.ts";
import { TransportError } from "../../../src/transport/port.ts";
import { eventually } from "../../support/eventually.ts";
import { openTestBus, type TestBus, type TestEvent, temporaryDirectory } from "../../support/open-bus.ts";
import { startReceiver } from "../../support/receiver.ts";

const QUICK = { retry: { backoff: { initial: "10ms", max: "10ms", jitter: "none" } } };
const SLOW = { retry: { backoff: { initial: "300ms", max: "300ms", jitter: "none" } } };
const ALL: ReplayRequest = { from: "earliest", to: undefined, filters: undefined, perSecond: undefined };
const WAIT_MS = 30_000;

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `e${index}`);

/** The test's own directory: a bus with the topic `t`, in which these are stored, and the subscription `s` for later ones. */
async function open(directory: string, url: string, events: readonly (string | TestEvent)[], delivery: object = QUICK) {
  const test = await openTestBus({ directory });
  await test.bus.createTopic("t", undefined);
  await test.publish("t", events);
  await test.bus.createSubscription({ id: "s", topic: "t", sink: url, delivery });
  return test;
}

async function positions(test: TestBus): Promise<string[]> {
  const { items } = await test.bus.browse("t", { at: "earliest" }, 100);
  return items.map(({ position }) => position);
}

function ended(test: TestBus, { id }: ReplayView, state: ReplayState = "done"): Promise<ReplayView> {
  return eventually(() => {
    const replay = test.bus.replay("s", id);
    expect(replay.state, replay.reason).toBe(state);
    return replay;
  }, WAIT_MS);
}

async function idle(test: TestBus): Promise<void> {
  const none = { parked: 0, inFlight: 0, backlog: 0 };
  await eventually(async () => expect((await test.bus.subscription("s")).status).toMatchObject(none), WAIT_MS);
}

/** Replays, and waits until all of it is delivered. */
async function replayed(test: TestBus, request: Partial<ReplayRequest>): Promise<ReplayView> {
  const view = await ended(test, await test.bus.startReplay("s", { ...ALL, ...request }));
  await idle(test);
  return view;
}

describe("a replay", () => {
  it("delivers what the topic holds from its beginning, each event once, and ends", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(250));
    const replay = await replayed(test, {});
    expect(receiver.ids().sort()).toEqual(names(250).sort());
    expect(replay).toMatchObject({ scanned: 250, matched: 250, next: undefined, reason: undefined });
    expect(replay.endedAt).toBeGreaterThanOrEqual(replay.startedAt);
    // A second one delivers all of it once more.
    const second = await replayed(test, {});
    expect(receiver.requests).toHaveLength(500);
    const { recent } = await test.bus.deliveries("s", {}, { cursor: undefined, limit: 1 });
    expect(new Set(recent.map(({ deliveryId }) => deliveryId)).size).toBe(500);
    expect(test.bus.replays("s").map(({ id }) => id)).toEqual([second.id, replay.id]);
    expect(await test.bus.snapshot()).toMatchObject([{ id: "s", replayed: 500, replaysRunning: 0 }]);
    await test.close();
  });

  it("begins and ends at positions, both inclusive", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(10));
    const [, second = "", , , fifth = ""] = await positions(test);
    expect(await replayed(test, { from: { position: second }, to: { position: fifth } })).toMatchObject({ matched: 4 });
    expect(receiver.ids().sort()).toEqual(["e1", "e2", "e3", "e4"]);
    await test.close();
  });

  it("begins and ends at times", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), ["before"]);
    const start = await nextMillisecond();
    await test.publish("t", ["inside"]);
    const end = Date.now();
    await nextMillisecond();
    await test.publish("t", ["after"]);
    await receiver.received(2);
    await idle(test);
    receiver.requests.length = 0;
    await replayed(test, { from: { time: start }, to: { time: end } });
    expect(receiver.ids()).toEqual(["inside"]);
    await test.close();
  });

  it("ends with what was stored when it began", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(5));
    const { id } = await test.bus.startReplay("s", { ...ALL, perSecond: 10 });
    await nextMillisecond();
    await test.publish("t", ["later"]);
    expect(await ended(test, test.bus.replay("s", id))).toMatchObject({ matched: 5 });
    await idle(test);
    expect(receiver.ids().sort()).toEqual([...names(5), "later"].sort());
    await test.close();
  });

  it("takes what matches the subscription and its own filters", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), [
      { id: "a1", kind: "a" },
      { id: "a2", kind: "a", region: "eu" },
      { id: "b", kind: "b", region: "eu" },
    ]);
    const input = { id: "s", topic: "t", sink: receiver.url(), filters: [{ exact: { region: "eu" } }] };
    await test.bus.replaceSubscription("s", input, undefined);
    expect(await replayed(test, { filters: [{ exact: { kind: "a" } }] })).toMatchObject({ scanned: 3, matched: 1 });
    expect(receiver.ids()).toEqual(["a2"]);
    await test.close();
  });

  it("keeps its rate", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(40));
    await replayed(test, { perSecond: 50 });
    const at = receiver.requests.map((request) => request.at);
    // Each a fiftieth of a second after the one before, on average, give or take what the machine holds up.
    for (const [index, time] of at.entries()) {
      expect(time - (at[0] ?? 0), `event ${index}`).toBeGreaterThan(((index - 15) * 1_000) / 50);
    }
    await test.close();
  });

  it("reads no further once it is cancelled, and stays so", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(100));
    const { id } = await test.bus.startReplay("s", { ...ALL, perSecond: 20 });
    await receiver.received(2);
    const { matched, state, endedAt } = await test.bus.cancelReplay("s", id);
    expect({ state, isEnded: endedAt !== undefined, some: matched > 0 && matched < 100 }).toEqual({
      ...{ state: "cancelled", isEnded: true, some: true },
    });
    await idle(test);
    expect(receiver.requests).toHaveLength(matched);
    expect(await test.bus.cancelReplay("s", id)).toMatchObject({ state: "cancelled", matched });
    await test.close();
    const again = await openTestBus({ directory: directory.path });
    expect(again.bus.replay("s", id)).toMatchObject({ state: "cancelled", matched });
    await again.close();
    expect(receiver.requests).toHaveLength(matched);
  });

  it("goes on after a restart, where it was", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const first = await open(directory.path, receiver.url(), names(300));
    const replay = await first.bus.startReplay("s", { ...ALL, perSecond: 200 });
    await receiver.received(20);
    await first.close();
    const before = receiver.requests.length;
    expect(before).toBeLessThan(300);
    const second = await openTestBus({ directory: directory.path });
    expect(await ended(second, replay)).toMatchObject({ scanned: 300, matched: 300 });
    await idle(second);
    // It ended in good order, so nothing is repeated.
    expect(receiver.ids().sort()).toEqual(names(300).sort());
    await second.close();
  });

  it("keeps the order of keys, also when some are tried again", async () => {
    await using directory = await temporaryDirectory();
    const taken: string[] = [];
    const refused = new Set<string>();
    await using receiver = await startReceiver(({ id = "" }) => {
      const isRefused = Number(id.slice(1)) % 7 === 0 && !refused.has(id);
      if (isRefused) refused.add(id);
      else taken.push(id);
      return isRefused ? 503 : 204;
    });
    const events = names(60).map((id, index) => ({ id, partitionkey: `k${index % 4}` }));
    const test = await open(directory.path, receiver.url(), events, { ...QUICK, ordering: "key" });
    await replayed(test, {});
    for (const key of ["k0", "k1", "k2", "k3"]) {
      const wanted = events.filter(({ partitionkey }) => partitionkey === key).map(({ id }) => id);
      expect(taken.filter((id) => wanted.includes(id))).toEqual(wanted);
    }
    await test.close();
  });

  it("is delivered like everything else: tried again, and dead-lettered and redriven", async () => {
    await using directory = await temporaryDirectory();
    let isBroken = true;
    await using receiver = await startReceiver(({ id }) =>
      isBroken && id === "e1" ? 503 : isBroken && id === "e2" ? 400 : 204,
    );
    const test = await open(directory.path, receiver.url(), names(4), { retry: { ...QUICK.retry, maxAttempts: 3 } });
    await replayed(test, {});
    expect(receiver.ids().filter((id) => id === "e1")).toHaveLength(3);
    const { items } = await test.bus.deadLetters("s", {}, { cursor: undefined, limit: 10 });
    expect(items.map(({ reason }) => reason).sort()).toEqual(["exhausted", "rejected"]);
    isBroken = false;
    await test.bus.redrive("s", { all: true });
    await eventually(async () =>
      expect((await test.bus.subscription("s")).status).toMatchObject({ deadLetters: 0, parked: 0 }),
    );
    expect(receiver.ids().slice(-2).sort()).toEqual(["e1", "e2"]);
    await test.close();
  });

  it("waits while its subscription is owed much already, and says so", async () => {
    await using directory = await temporaryDirectory();
    let isDown = true;
    await using receiver = await startReceiver(() => (isDown ? 503 : 204));
    const test = await open(directory.path, receiver.url(), names(200), { ...QUICK, maxParked: 40 });
    const replay = await test.bus.startReplay("s", ALL);
    await eventually(() => expect(test.bus.replay("s", replay.id).reason).toContain("many deliveries wait already"));
    expect((await test.bus.subscription("s")).status.parked).toBeLessThanOrEqual(20);
    isDown = false;
    await ended(test, replay);
    await idle(test);
    expect(new Set(receiver.ids())).toEqual(new Set(names(200)));
    await test.close();
  });

  it("waits while its subscription is paused", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(5));
    await test.bus.pause("s", "a test");
    const { id } = await test.bus.startReplay("s", ALL);
    await eventually(() => expect(test.bus.replay("s", id).reason).toBe("the subscription is paused: a test"));
    expect(receiver.requests).toEqual([]);
    await test.bus.resume("s");
    await receiver.received(5);
    await test.close();
  });

  it("does not hold up what is published meanwhile", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(3_000));
    const replay = await test.bus.startReplay("s", ALL);
    await receiver.received(100);
    const live = names(20).map((id) => `live-${id}`);
    await test.publish("t", live);
    await ended(test, replay);
    await idle(test);
    const ids = receiver.ids();
    expect(new Set(ids)).toEqual(new Set([...names(3_000), ...live]));
    const last = Math.max(...live.map((id) => ids.indexOf(id)));
    expect(last).toBeLessThan(2_500);
    await test.close();
  });

  it("outlasts a store and a transport that fail for a time", async () => {
    await using directory = await temporaryDirectory();
    let isDown = true;
    await using receiver = await startReceiver(() => (isDown ? 503 : 204));
    const away = new Map<string, Error>([
      ["read", new TransportError("unavailable", "the log is away")],
      ["park", new PulsebusError("unavailable", "the store is away")],
      ["putResource", new PulsebusError("storage-full", "the disk is full")],
    ]);
    /** Throws each of them once, after a call that goes well. */
    const calls = new Map<string, number>();
    const fail = (call: string): void => {
      calls.set(call, (calls.get(call) ?? 0) + 1);
      if (calls.get(call) === 2) throw away.get(call);
    };
    const test = await openTestBus({
      directory: directory.path,
      wrapStore: (store) =>
        intercept(store, { park: () => fail("park"), putResource: (kind) => kind === "replay" && fail("putResource") }),
      disturb: (transports) => {
        const open = transports.get("embedded")?.transport;
        if (open !== undefined) open.read = intercept(open, { read: () => fail("read") }).read.bind(open);
      },
    });
    await test.publish("t", names(450));
    await test.bus.createSubscription({ id: "s", topic: "t", sink: receiver.url(), delivery: SLOW });
    const replay = await test.bus.startReplay("s", ALL);
    expect(await ended(test, replay)).toMatchObject({ scanned: 450, matched: 450 });
    // A page that was repeated has one row for each event, and those that were tried begin no second time.
    const firstAttempts = receiver.requests.filter(({ headers }) => headers["pulsebus-attempt"] === "1");
    expect(new Set(firstAttempts.map(({ id }) => id)).size).toBe(firstAttempts.length);
    const { parked } = (await test.bus.subscription("s")).status;
    expect({ parked }).toEqual({ parked: 450 });
    expect(await test.store.counts("s")).toMatchObject({ parked });
    isDown = false;
    await idle(test);
    expect(new Set(receiver.ids())).toEqual(new Set(names(450)));
    for (const call of away.keys()) expect(calls.get(call), call).toBeGreaterThan(2);
    await test.close();
  });

  it("fails with the reason when the transport refuses, and is kept to be looked at", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(10));
    const embedded = test.transports.get("embedded")?.transport;
    if (embedded === undefined) throw new Error("the embedded transport is always there");
    embedded.read = () => Promise.reject(new TransportError("permission_denied", "no right to read"));
    const replay = await test.bus.startReplay("s", ALL);
    expect(await ended(test, replay, "failed")).toMatchObject({ reason: "no right to read", matched: 0 });
    await test.close();
    const again = await openTestBus({ directory: directory.path });
    expect(again.bus.replay("s", replay.id)).toMatchObject({ state: "failed", reason: "no right to read" });
    await again.close();
  });

  it("goes with its subscription", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(100));
    await test.bus.startReplay("s", { ...ALL, perSecond: 20 });
    await receiver.received(2);
    await test.bus.deleteSubscription("s", undefined);
    expect(await test.store.resources("replay")).toEqual([]);
    expect(await test.store.counts("s")).toMatchObject({ parked: 0 });
    await test.close();
  });

  it("is refused for a position that is none of the topic, an unknown subscription and one too many", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(100));
    const start = (request: Partial<ReplayRequest>) => test.bus.startReplay("s", { ...ALL, ...request });
    await expect(start({ from: { position: "nonsense" } })).rejects.toMatchObject({
      code: "invalid-request",
      at: "/from/position",
    });
    await expect(start({ to: { position: "nonsense" } })).rejects.toMatchObject({
      code: "invalid-request",
      at: "/to/position",
    });
    await expect(start({ filters: [{ nonsense: 1 }] })).rejects.toMatchObject({ code: "invalid-request" });
    await expect(test.bus.startReplay("nobody", ALL)).rejects.toMatchObject({ code: "unknown-subscription" });
    expect(() => test.bus.replay("s", "nonsense")).toThrow(expect.objectContaining({ code: "not-found" }));
    for (let count = 0; count < 4; count += 1) await start({ perSecond: 1 });
    await expect(start({})).rejects.toMatchObject({ code: "conflict" });
    await test.close();
  });

  it("is refused for a position where the transport knows only times", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startReceiver();
    const test = await open(directory.path, receiver.url(), names(3));
    const embedded = test.transports.get("embedded")?.transport;
    const value = { ...embedded?.capabilities, replay: "time" };
    Object.defineProperty(embedded, "capabilities", { value });
    const [position = ""] = await positions(test);
    for (const [request, at] of [
      [{ from: { position } }, "/from"],
      [{ to: { position } }, "/to"],
    ] as const) {
      const starting = test.bus.startReplay("s", { ...ALL, ...request });
      await expect(starting).rejects.toMatchObject({ code: "not-supported", at });
    }
    await replayed(test, { from: { time: 0 } });
    expect(receiver.requests).toHaveLength(3);
    await test.close();
  });
});

type Calls<Port> = { readonly [Method in keyof Port]?: (...args: unknown[]) => unknown };

/** The same port, with something to be done, or thrown, before some of its calls. */
function intercept<Port extends object>(port: Port, before: Calls<Port>): Port {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      const first: unknown = Reflect.get(before, name);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        if (typeof first === "function") first(...args);
        return member.apply(target, args);
      };
    },
  });
}

/** Now, after the clock has moved on. */
async function nextMillisecond(): Promise<number> {
  const before = Date.now();
  return eventually(() => {
    const now = Date.now();
    expect(now).toBeGreaterThan(before);
    return now;
  });
}
