/** The launcher, run as users run it: by a Node.js that claims another version, beside a `node_modules` of our making. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = new URL("../../../", import.meta.url).pathname;

let bare: string;
let withBundledNode: string;

async function copyLauncher(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "pulsebus-launcher-"));
  await cp(join(ROOT, "bin"), join(directory, "bin"), { recursive: true });
  await writeFile(join(directory, "package.json"), '{ "type": "module" }');
  await writeFile(
    join(directory, "program.js"),
    `import { argv, env } from "node:process";
     if (argv[2] === "wait") {
       process.on(env.SIGNAL, () => process.exit(7));
       setInterval(() => {}, 1000);
       console.log("waiting");
     } else if (argv[2] === "die") process.kill(process.pid, "SIGKILL");
     else console.log(JSON.stringify(argv.slice(2)));
     process.exitCode = Number(env.EXIT ?? 0);`,
  );
  return directory;
}

beforeAll(async () => {
  bare = await copyLauncher();
  withBundledNode = await copyLauncher();
  const bin = join(withBundledNode, `node_modules/node-linux-${process.arch}/bin`);
  await mkdir(bin, { recursive: true });
  await symlink(process.execPath, join(bin, "node"));
});

afterAll(async () => {
  for (const directory of [bare, withBundledNode]) await rm(directory, { recursive: true, force: true });
});

/** Node's arguments that make a process believe that it is another version; a child does not inherit them. */
function pretending(version: string): string[] {
  const fake = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });`;
  return ["--import", `data:text/javascript,${encodeURIComponent(fake)}`];
}

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function launch(directory: string, version: string, args: readonly string[], env = {}): Promise<Run> {
  return new Promise((resolve) => {
    const argv = [...pretending(version), join(directory, "bin/runtime.js"), join(directory, "program.js"), ...args];
    const child: ChildProcess = execFile(
      process.execPath,
      argv,
      { env: { ...process.env, ...env } },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

describe("the launcher", () => {
  it.each(["24.6.0", "24.21.0", "25.0.0", "26.1.0"])("runs the program itself on Node.js %s", async (version) => {
    const run = await launch(bare, version, ["a", "b c"], { EXIT: "3" });
    expect(run).toEqual({ code: 3, stdout: '["a","b c"]\n', stderr: "" });
  });

  it.each(["18.20.8", "20.20.2", "22.19.0", "24.5.9"])(
    "stops with one sentence on Node.js %s when npm brought no other",
    async (version) => {
      const run = await launch(bare, version, []);
      expect(run.code).toBe(1);
      expect(run.stdout).toBe("");
      expect(run.stderr).toBe(
        `pulsebus: needs Node.js 24.6 or newer, this is ${version}, and npm did not install its own: ` +
          "run `npm ci` again with the registry in reach, or install Node.js 24.\n",
      );
    },
  );

  const onLinux = describe.runIf(process.platform === "linux");
  onLinux("where npm brought Node.js 24", () => {
    it.each(["20.20.2", "22.19.0"])(
      "starts that one from Node.js %s, with arguments and exit status",
      async (version) => {
        const run = await launch(withBundledNode, version, ["--flag", "value"], { EXIT: "4" });
        expect(run).toEqual({ code: 4, stdout: '["--flag","value"]\n', stderr: "" });
      },
    );

    it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2"] as const)("passes %s on", async (signal) => {
      const argv = [...pretending("20.20.2"), "bin/runtime.js", "program.js", "wait"];
      const child = spawn(process.execPath, argv, {
        cwd: withBundledNode,
        env: { ...process.env, SIGNAL: signal },
        // Away from the terminal that runs the tests, which would pass signals on by itself.
        detached: true,
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout, "data");
      child.kill(signal);
      expect(await once(child, "exit")).toEqual([7, null]);
    });

    it("reports a program that was killed as shells do", async () => {
      const run = await launch(withBundledNode, "20.20.2", ["die"]);
      expect(run.code).toBe(128 + 9);
    });
  });
});
