/**
 * Goal: what a transport has not confirmed is shown, keeps its name, and comes to pass in the background; what was
 * refused leaves nothing behind. Method: a real bus on the embedded log, some of whose calls the test refuses.
 */
import { describe, expect, it } from "vitest";
import type { OpenTransport } from "../../../src/bus/context.ts";
import type { Store } from "../../../src/store/port.ts";
import { type Transport, TransportError } from "../../../src/transport/port.ts";
import { eventually } from "../../support/eventually.ts";
import { openTestBus, type TestBus, temporaryDirectory } from "../../support/open-bus.ts";
import { startReceiver } from "../../support/receiver.ts";

type Call = "provision" | "deprovision" | "createGroup" | "deleteGroup";

/** Refuses calls of the embedded transport while `refusing` has them; counts all. */
class Gatekeeper {
  readonly refusing = new Set<Call>();
  readonly calls: string[] = [];
  /** For these addresses only. */
  addresses: readonly string[] | undefined;

  readonly disturb = (transports: ReadonlyMap<string, OpenTransport>): void => {
    const transport = transports.get("embedded")?.transport;
    if (transport === undefined) throw new Error("the embedded transport is always there");
    this.#guard(transport, "provision");
    this.#guard(transport, "deprovision");
    this.#guard(transport, "createGroup");
    this.#guard(transport, "deleteGroup");
  };

  #guard(transport: Transport, call: Call): void {
    const original: (...args: never[]) => Promise<void> = transport[call].bind(transport);
    transport[call] = async (...args: unknown[]) => {
      const address = String(args[0]);
      this.calls.push(`${call} ${address}`);
      const isMeant = this.addresses?.includes(address) ?? true;
      if (isMeant && this.refusing.has(call)) throw new TransportError("permission_denied", `no right to ${call}`);
      await original(...(args as never[]));
    };
  }
}

const SINK = "http://127.0.0.1:1/";

async function code(work: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof work === "function" ? work() : work);
    return "fine";
  } catch (error) {
    return (error as { code: unknown }).code;
  }
}

async function state(test: TestBus, id: string) {
  const { status } = await test.bus.subscription(id);
  return { state: status.state, reason: status.reason };
}

describe("a start", () => {
  const yaml = `
topics: { refused: , other: }
subscriptions: { on-refused: { topic: refused, sink: "${SINK}" }, into: { topic: other, sink: "topic:refused" } }\n`;

  it("goes on without a topic that is refused, says so, and has it once it is not refused any more", async () => {
    await using directory = await temporaryDirectory();
    const gate = new Gatekeeper();
    gate.addresses = ["refused"];
    gate.refusing.add("provision");
    const test = await openTestBus({ directory: directory.path, yaml, disturb: gate.disturb });
    expect(await test.bus.topic("refused")).toMatchObject({ state: "provisioning", reason: "no right to provision" });
    expect(await test.bus.topic("other")).toMatchObject({ state: "ready", reason: undefined });
    const reason = 'topic "refused" is provisioning: no right to provision';
    expect(await state(test, "on-refused")).toEqual({ state: "provisioning", reason });
    expect(await state(test, "into")).toEqual({ state: "provisioning", reason });
    await expect(test.bus.ready()).rejects.toMatchObject({
      code: "unavailable",
      message: `not ready: topic "refused": no right to provision; subscription "on-refused": ${reason}; subscription "into": ${reason}`,
    });
    await expect(test.publish("refused", ["1"])).rejects.toMatchObject({ code: "unavailable" });
    await test.publish("other", ["2"]);
    gate.refusing.clear();
    await eventually(async () => expect(await code(test.bus.ready())).toBe("fine"));
    await eventually(async () => expect((await test.bus.subscription("into")).status.delivered).toBe(1));
    expect(await state(test, "on-refused")).toMatchObject({ state: "active", reason: undefined });
    await test.publish("refused", ["3"]);
    await test.close();
  });

  it("names only some of many that are not ready", async () => {
    await using directory = await temporaryDirectory();
    const gate = new Gatekeeper();
    const names = Array.from({ length: 8 }, (_, n) => `t${n}`);
    gate.addresses = names;
    gate.refusing.add("provision");
    const topics = `topics: { ${names.map((name) => `${name}: `).join(", ")} }\n`;
    const test = await openTestBus({ directory: directory.path, yaml: topics, disturb: gate.disturb });
    await expect(test.bus.ready()).rejects.toThrow(/^not ready: (topic "t\d": no right to provision; ){5}3 more$/);
    await test.close();
  });
});

describe("a subscription that is being deleted", () => {
  async function deleting(directory: string) {
    const gate = new Gatekeeper();
    const test = await openTestBus({ directory, disturb: gate.disturb });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: SINK });
    gate.refusing.add("deleteGroup");
    await expect(test.bus.deleteSubscription("s", undefined)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("no right to deleteGroup"),
    });
    return { gate, test };
  }

  it("is shown, can't be changed, keeps its id and its topic, and goes in the background", async () => {
    await using directory = await temporaryDirectory();
    const { gate, test } = await deleting(directory.path);
    expect(await state(test, "s")).toEqual({ state: "deleting", reason: "no right to deleteGroup" });
    const input = { id: "s", topic: "t", sink: SINK };
    await expect(test.bus.createSubscription(input)).rejects.toMatchObject({
      code: "conflict",
      message: 'subscription "s" is being deleted: no right to deleteGroup',
    });
    expect(await code(test.bus.replaceSubscription("s", input, undefined))).toBe("conflict");
    expect(await code(test.bus.pause("s", "why not"))).toBe("conflict");
    expect(await code(test.bus.resume("s"))).toBe("conflict");
    expect(await code(test.bus.deleteTopic("t"))).toBe("conflict");
    expect(await code(test.bus.ready())).toBe("fine");
    gate.refusing.clear();
    await eventually(async () => expect(await code(test.bus.subscription("s"))).toBe("unknown-subscription"));
    expect((await test.bus.createSubscription(input)).status.state).toBe("active");
    await test.close();
  });

  it("can be told to go again, which tries at once", async () => {
    await using directory = await temporaryDirectory();
    const { gate, test } = await deleting(directory.path);
    expect(await code(test.bus.deleteSubscription("s", undefined))).toBe("unavailable");
    gate.refusing.clear();
    expect(await code(test.bus.deleteSubscription("s", undefined))).toBe("fine");
    expect(await code(test.bus.subscription("s"))).toBe("unknown-subscription");
    await test.close();
  });

  it("still goes after a restart, and is made anew when the configuration has its id", async () => {
    await using directory = await temporaryDirectory();
    const { gate, test } = await deleting(directory.path);
    await test.close();
    gate.calls.length = 0;
    const yaml = `topics: { t: }\nsubscriptions: { s: { topic: t, sink: "${SINK}", types: [ other ] } }\n`;
    const next = await openTestBus({ directory: directory.path, yaml, disturb: gate.disturb });
    expect(await state(next, "s")).toEqual({ state: "deleting", reason: "no right to deleteGroup" });
    gate.refusing.clear();
    await eventually(async () => expect(await state(next, "s")).toEqual({ state: "active", reason: undefined }));
    const { origin, subscription } = await next.bus.subscription("s");
    expect({ origin, types: subscription.input.types }).toEqual({ origin: "config", types: ["other"] });
    expect(gate.calls.filter((call) => call.endsWith("Group t")).slice(-2)).toEqual(["deleteGroup t", "createGroup t"]);
    await next.close();
  });
});

describe("a topic that is being deleted", () => {
  async function deleting(directory: string) {
    const gate = new Gatekeeper();
    const test = await openTestBus({ directory, disturb: gate.disturb });
    await test.bus.createTopic("t", undefined);
    await test.publish("t", ["1"]);
    gate.refusing.add("deprovision");
    await expect(test.bus.deleteTopic("t")).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("no right to deprovision"),
    });
    return { gate, test };
  }

  it("is shown, takes nothing, keeps its name, and goes in the background", async () => {
    await using directory = await temporaryDirectory();
    const { gate, test } = await deleting(directory.path);
    expect(await test.bus.topic("t")).toMatchObject({ state: "deleting", reason: "no right to deprovision" });
    expect(await code(test.publish("t", ["2"]))).toBe("conflict");
    expect(await code(test.bus.createTopic("t", undefined))).toBe("conflict");
    expect(await code(test.bus.createSubscription({ topic: "t", sink: SINK }))).toBe("conflict");
    gate.refusing.clear();
    await eventually(async () => expect(await code(test.bus.topic("t"))).toBe("unknown-topic"));
    expect(await test.bus.createTopic("t", undefined)).toMatchObject({ created: true, topic: { state: "ready" } });
    await test.close();
  });

  it("still goes after a restart, and is made anew, empty, when the configuration has its name", async () => {
    await using directory = await temporaryDirectory();
    const { gate, test } = await deleting(directory.path);
    await test.close();
    const next = await openTestBus({ directory: directory.path, yaml: "topics: { t: }\n", disturb: gate.disturb });
    expect(await next.bus.topic("t")).toMatchObject({ state: "deleting" });
    gate.refusing.clear();
    await eventually(async () => expect(await next.bus.topic("t")).toMatchObject({ state: "ready", origin: "config" }));
    expect((await next.bus.topic("t")).stats.events).toBe(0);
    await next.close();
  });
});

describe("what is refused at its creation", () => {
  it("is no topic, and nothing is deleted at its address, which may be somebody else's", async () => {
    await using directory = await temporaryDirectory();
    const gate = new Gatekeeper();
    const test = await openTestBus({ directory: directory.path, disturb: gate.disturb });
    gate.refusing.add("provision");
    await expect(test.bus.createTopic("t", undefined)).rejects.toThrow("no right to provision");
    expect(await code(test.bus.topic("t"))).toBe("unknown-topic");
    expect(gate.calls).not.toContain("deprovision t");
    expect((await test.store.resources("topic")).map(({ name }) => name)).toEqual(["pulsebus.ops"]);
    await test.close();
  });

  it("is no subscription, and its group is deleted", async () => {
    await using directory = await temporaryDirectory();
    const gate = new Gatekeeper();
    const test = await openTestBus({ directory: directory.path, disturb: gate.disturb });
    gate.refusing.add("createGroup");
    const creating = test.bus.createSubscription({ id: "s", topic: "t", sink: SINK });
    await expect(creating).rejects.toThrow("no right to createGroup");
    expect(await code(test.bus.subscription("s"))).toBe("unknown-subscription");
    expect(gate.calls.at(-1)).toBe("deleteGroup t");
    expect(await test.store.resources("subscription")).toEqual([]);
    await test.close();
  });
});

describe("new settings of a topic", () => {
  it("are not taken when they are refused, and the topic goes on with those it has", async () => {
    await using directory = await temporaryDirectory();
    const gate = new Gatekeeper();
    const test = await openTestBus({ directory: directory.path, disturb: gate.disturb });
    await test.bus.createTopic("t", undefined);
    gate.refusing.add("provision");
    await expect(test.bus.createTopic("t", { retention: { maxAge: "1h" } })).rejects.toThrow("no right to provision");
    const { state, plan } = await test.bus.topic("t");
    expect({ state, maxAgeMs: plan.settings.retention.maxAgeMs }).toEqual({ state: "ready", maxAgeMs: 604_800_000 });
    await test.publish("t", ["1"]);
    await test.close();
  });
});

/** The same store, whose rows are counted as the test says. */
function countingBy(counts: (store: Store) => Store["counts"]): (store: Store) => Store {
  return (store) =>
    new Proxy(store, {
      get(target, name, receiver) {
        const value: unknown = name === "counts" ? counts(target) : Reflect.get(target, name, receiver);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
}

describe("a runner that does not start", () => {
  it("is started in the background: the subscription is there and misses nothing", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    let fails = true;
    const wrapStore = countingBy((store) => async (id) => {
      if (!fails) return store.counts(id);
      fails = false;
      throw new Error("planted");
    });
    const test = await openTestBus({ directory: directory.path, wrapStore });
    const { status } = await test.bus.createSubscription({ id: "s", topic: "t", sink: sink.url() });
    expect(status).toMatchObject({ state: "provisioning", reason: "planted" });
    await test.publish("t", ["1"]);
    await test.bus.pause("s", "not now");
    await eventually(async () => expect(await state(test, "s")).toEqual({ state: "paused", reason: "not now" }));
    await test.bus.resume("s");
    await sink.received(1);
    await test.close();
  });

  it("is paused when that was asked for while it started", async () => {
    await using directory = await temporaryDirectory();
    await using sink = await startReceiver();
    const first = await openTestBus({ directory: directory.path });
    for (const id of ["s", "other"]) {
      await first.bus.createSubscription({ id, topic: "t", sink: sink.url(`/${id}`) });
    }
    await first.close();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const wrapStore = countingBy((store) => (id) => released.then(() => store.counts(id)));
    const second = await openTestBus({ directory: directory.path, wrapStore });
    await second.bus.pause("s", "not now");
    release();
    await second.publish("t", ["1"]);
    await sink.received(1);
    await second.publish("t", ["2"]);
    await sink.received(2);
    expect(sink.ids("/other")).toEqual(["1", "2"]);
    await second.bus.resume("s");
    await eventually(() => expect(sink.ids("/s")).toEqual(["1", "2"]));
    await second.close();
  });
});

describe("numbers of a transport that does not answer", () => {
  it("are left out, soon", async () => {
    await using directory = await temporaryDirectory();
    const test = await openTestBus({
      directory: directory.path,
      disturb(transports) {
        const transport = transports.get("embedded")?.transport;
        if (transport === undefined) return;
        transport.stats = () => new Promise(() => {});
        transport.topicStats = () => Promise.reject(new TransportError("unavailable", "away"));
      },
    });
    await test.bus.createSubscription({ id: "s", topic: "t", sink: SINK });
    const { status } = await test.bus.subscription("s");
    expect(status).toMatchObject({ state: "active", backlog: undefined, oldestAt: undefined, skipped: 0 });
    expect((await test.bus.topic("t")).stats.events).toBeUndefined();
    expect(await test.bus.snapshot()).toHaveLength(1);
    await test.close();
  });
});
