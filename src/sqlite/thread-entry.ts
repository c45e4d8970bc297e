/** What both database threads do alike: open, say so, answer each message, close when told to. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { toFault } from "./fault.ts";
import { CLOSE, type Started, type ThreadData } from "./messages.ts";

export interface ThreadService<Request> {
  handle(request: Request, port: MessagePort): void;
  close(): void;
}

/** The main function of a thread's file. A service that can't be opened ends the thread with its reason. */
export function runThread<Request>(open: (data: ThreadData) => Promise<ThreadService<Request>>): void {
  if (parentPort === null) throw new Error("This file is the entry point of a worker thread");
  const port = parentPort;
  open(workerData as ThreadData).then(
    (service) => {
      port.on("message", (message: Request | typeof CLOSE) => {
        if (message !== CLOSE) return service.handle(message, port);
        service.close();
        port.close();
      });
      port.postMessage({ started: true } satisfies Started);
    },
    (error: unknown) => {
      port.postMessage({ started: false, fault: toFault(error) } satisfies Started);
      port.close();
    },
  );
}
