/** The commands of the documentation, run by bash as they stand there, on a bus and ports of the test's own. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { dirname } from "node:path";

const ROOT = new URL("../../", import.meta.url);

/** The script between the comments `test:NAME` and `/test:NAME` of a file. */
function scriptOf(file: string, name: string): string {
  const text = readFileSync(new URL(file, ROOT), "utf8");
  const [, script] =
    new RegExp(`<!-- test:${name} -->\\n\`\`\`sh\\n([\\s\\S]*?)\`\`\`\\n<!-- /test:${name} -->`).exec(text) ?? [];
  if (script === undefined) throw new Error(`${file} has no script ${name}`);
  return script;
}

/** Runs one with the bus at `url` in place of the one on port 8080; answers what it printed. */
export async function runScript(file: string, name: string, url: string): Promise<string> {
  const [first, second] = [await freePort(), await freePort()];
  const here = scriptOf(file, name)
    .replaceAll("http://127.0.0.1:8080", url)
    .replaceAll(/\b3000\b/g, String(first))
    .replaceAll(/\b3001\b/g, String(second));
  // What runs in the background are receivers; they are given the time to start that a reader takes.
  return bash(`trap 'kill $(jobs -p)' EXIT\n${here.replaceAll(/&\n/g, "& sleep 2\n")}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function bash(script: string): Promise<string> {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  return new Promise((resolve, reject) => {
    execFile("bash", ["-c", script], { env, timeout: 25_000 }, (error, stdout, stderr) =>
      error === null ? resolve(stdout) : reject(new Error(`${error.message}\n${stdout}\n${stderr}`)),
    );
  });
}
