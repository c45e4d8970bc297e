/** The Store conformance suite on the memory store, which is what entitles the simulation to use it. */
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { storeCases } from "../../conformance/store/cases.ts";
import { type StoreKind, Subject } from "../../conformance/store/subject.ts";
import { MemoryStore, StoreData, type Way } from "./memory-store.ts";

const locations = new Map<string, StoreData>();

/** A while to the data and a while back, so that calls overlap. */
const slowly: Way = async (_call, _about, run) => {
  await new Promise(setImmediate);
  const answer = run();
  await new Promise(setImmediate);
  return answer;
};

const memoryStore: StoreKind = {
  module: new URL(import.meta.url),
  async newLocation() {
    const location = `memory-${locations.size}`;
    locations.set(location, new StoreData());
    return location;
  },
  async openStore(location) {
    return { store: new MemoryStore(locations.get(location) ?? new StoreData(), slowly), close: async () => {} };
  },
  async removeLocation(location) {
    locations.delete(location);
  },
};

/** What memory can't show. The simulation itself crashes processes, between any call and its answer. */
const OMITTED: Readonly<Record<string, string>> = {
  "has every call that a killed process was told of, and no half of any other":
    "another process sees no memory of ours",
};

describe.each(Object.entries(storeCases))("the memory store: %s", (_, cases) => {
  let subject: Subject;

  beforeAll(async () => {
    subject = await Subject.create(memoryStore);
  });

  beforeEach(() => subject.clean());

  afterAll(() => subject.destroy());

  it.each(cases)("$name", async ({ name, run }) => {
    if (OMITTED[name] === undefined) await run(subject);
  });
});
