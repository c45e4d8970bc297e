/** The Store conformance suite on the SQLite store. */
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { storeCases } from "./store/cases.ts";
import { sqliteStore } from "./store/sqlite.ts";
import { Subject } from "./store/subject.ts";

describe.each(Object.entries(storeCases))("the SQLite store: %s", (_, cases) => {
  let subject: Subject;

  beforeAll(async () => {
    subject = await Subject.create(sqliteStore);
  });

  beforeEach(() => subject.clean());

  afterAll(() => subject.destroy());

  it.each(cases)("$name", ({ run }) => run(subject));
});
