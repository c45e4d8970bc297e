/** The Store conformance suite on the SQLite store. */
import { afterEach, beforeEach, describe, it } from "vitest";
import { storeCases } from "./store/cases.ts";
import { sqliteStore } from "./store/sqlite.ts";
import { Subject } from "./store/subject.ts";

describe.each(Object.entries(storeCases))("the SQLite store: %s", (_, cases) => {
  let subject: Subject;

  beforeEach(async () => {
    subject = await Subject.create(sqliteStore);
  });

  afterEach(() => subject.destroy());

  it.each(cases)("$name", ({ run }) => run(subject));
});
