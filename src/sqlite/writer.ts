/** The writer thread: holds the lock of the data directory and the one connection that writes; one group at a time. */
import { GroupRunner } from "./group-runner.ts";
import { acquireLock } from "./lock.ts";
import type { Group } from "./messages.ts";
import { loadModules } from "./operations.ts";
import { runThread } from "./thread-entry.ts";
import { WriterFile } from "./writer-file.ts";

runThread<Group>(async ({ directory, modules }) => {
  const lock = acquireLock(directory);
  const file = new WriterFile(directory, await loadModules(modules));
  const runner = new GroupRunner(file);
  return {
    handle(group, port) {
      const { answer, transfer } = runner.run(group);
      port.postMessage(answer, transfer);
      file.boundWal();
    },
    close() {
      file.close();
      lock.release();
    },
  };
});
