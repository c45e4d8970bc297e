/** What `pulsebus verify` makes of the reports of cases; the cases themselves run in `test/e2e/verify.test.ts`. */
import { expect, it } from "vitest";
import type { CommandContext } from "../../../src/cli/context.ts";
import type { CaseReport } from "../../../src/transport/conformance/verify.ts";
import { runCommand, startCommand } from "../../support/command.ts";

const ordered: CaseReport = {
  id: "T29",
  title: "the order of one producer is kept",
  capabilities: ["ordering", "orderedPublish"],
  declared: true,
  observed: true,
  reason: undefined,
};
const disordered: CaseReport = { ...ordered, observed: false, reason: "3 came before 2" };
const unshown: CaseReport = { ...ordered, id: "T60", capabilities: [], observed: undefined };
const refused: CaseReport = { ...ordered, id: "T25", capabilities: ["group"], declared: false, observed: false };

function reporting(...reports: readonly CaseReport[]): CommandContext["verify"] {
  return async function* () {
    yield* reports;
  };
}

it("succeeds when all that is observed is as declared, refusals included", async () => {
  const { exitCode, stdout } = await runCommand(["verify", "embedded"], {
    verify: reporting(ordered, unshown, refused),
  });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^T29 +yes +yes +the order of one producer is kept$/m);
  expect(stdout).toMatch(/^T60 +yes +not shown +/m);
  expect(stdout).toMatch(/^T25 +no +no +/m);
  expect(stdout).toMatch(/^ordering +order that is kept: of the whole topic +as declared$/m);
  expect(stdout).toMatch(/^find +.* +not shown$/m);
});

it("fails when something differs, says why, and which capabilities that puts in doubt", async () => {
  const { exitCode, stdout, stderr } = await runCommand(["verify", "embedded"], {
    verify: reporting(disordered, refused),
  });
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^T29 +yes +no +the order of one producer is kept: 3 came before 2$/m);
  expect(stdout).toMatch(/^ordering +.* +in doubt T29$/m);
  expect(stdout).toMatch(/^group +.* +as declared$/m);
  expect(stderr).toContain("embedded does not behave as declared: T29");
});

it("fails when a transport does what it declares it refuses", async () => {
  const { exitCode } = await runCommand(["verify", "embedded"], { verify: reporting({ ...refused, observed: true }) });
  expect(exitCode).toBe(1);
});

it("prints cases, capabilities and what a move changes as JSON lines", async () => {
  const argv = ["verify", "embedded", "--against", "embedded", "--json"];
  const { documents } = await runCommand(argv, { verify: reporting(ordered) });
  const [first, ...others] = documents();
  expect(first).toMatchObject({ id: "T29", declared: true, observed: true });
  expect(others).toContainEqual(expect.objectContaining({ capability: "ordering", cases: ["T29"], inDoubt: [] }));
  expect(others.at(-1)).toEqual({ from: "embedded", to: "embedded", changes: [] });
});

it("names the transports that there are", async () => {
  const { exitCode, stderr } = await runCommand(["verify", "nats"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('there is no transport "nats"; there are embedded');
});

it("fails when it is interrupted, after what was created is removed and what could not be is named", async () => {
  const run = startCommand(["verify", "embedded"], {
    async *verify(_plan, _transport, { signal, onLeftover }) {
      yield ordered;
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      onLeftover({ address: "pulsebus-verify-1", reason: "no permission" });
    },
  });
  run.interrupt();
  expect(await run.exitCode).toBe(1);
  expect(run.stderr()).toContain("warning: pulsebus-verify-1 could not be removed: no permission");
  expect(run.stderr()).toContain("interrupted before all cases were run");
});
