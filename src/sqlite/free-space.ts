/** Watches the free space of the disk that holds the data directory. */
import { statfs } from "node:fs/promises";
import { FREE_DISK_CHECK_MS } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";

export interface FreeSpaceOptions {
  readonly directory: string;
  readonly minFreeBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class FreeSpace {
  readonly #options: FreeSpaceOptions;
  #hasRoom = true;
  #closed = false;
  #cancel: () => void = () => {};

  private constructor(options: FreeSpaceOptions) {
    this.#options = options;
  }

  static async watch(options: FreeSpaceOptions): Promise<FreeSpace> {
    const watch = new FreeSpace(options);
    await watch.#look();
    return watch;
  }

  /** As of the last look. A look that fails changes nothing: a write will tell. */
  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const { directory, minFreeBytes, clock, logger } = this.#options;
    try {
      const { bavail, bsize } = await statfs(directory);
      const freeBytes = bavail * bsize;
      const hasRoom = freeBytes >= minFreeBytes;
      if (hasRoom !== this.#hasRoom) logger.warn({ freeBytes, minFreeBytes, hasRoom }, "free disk space changed");
      this.#hasRoom = hasRoom;
    } catch (error) {
      logger.warn({ err: error, directory }, "the free disk space can't be read");
    }
    if (!this.#closed) this.#cancel = clock.timer(FREE_DISK_CHECK_MS, () => void this.#look());
  }
}
