/**
 * Runs one group in the writer thread.
 *
 * Together: one transaction, each operation under a savepoint, one commit. An operation that throws a declared error is
 * rolled back to its savepoint and the group goes on. Anything else that is thrown, before or by COMMIT, rolls the whole
 * group back; so does an operation that hides that SQLite rolled back by itself, since its savepoint is gone then, or
 * there is nothing to commit. The operations of a group that was rolled back run
 * One by one: each in its own transaction, so that only the faulty ones fail.
 * Two faults are answered to the whole group instead: BEGIN failed, so that nothing was tried; or COMMIT failed with an
 * I/O error, so that nobody knows what is on the disk. The second one marks the file broken, like any I/O error.
 */
import { type Fault, isBroken, toFault } from "./fault.ts";
import type { Group, GroupAnswer } from "./messages.ts";
import { OperationError, type OperationResult } from "./module.ts";
import type { WriterFile } from "./writer-file.ts";

export interface GroupOutcome {
  readonly answer: GroupAnswer;
  readonly transfer: ArrayBuffer[];
}

export class GroupRunner {
  readonly #file: WriterFile;

  constructor(file: WriterFile) {
    this.#file = file;
  }

  run(group: Group): GroupOutcome {
    const outcome = new Collected(group.operations.length);
    try {
      this.#file.begin();
    } catch (error) {
      this.#giveUp(error);
      return outcome.allFailed(toFault(error));
    }
    try {
      this.#runOperations(group, outcome);
    } catch (error) {
      this.#giveUp(error);
      return this.#oneByOne(group);
    }
    try {
      this.#file.commit();
      return outcome.committed(false);
    } catch (error) {
      this.#giveUp(error);
      return isBroken(error) ? outcome.allFailed(toFault(error)) : this.#oneByOne(group);
    }
  }

  #runOperations(group: Group, outcome: Collected): void {
    const alone = group.operations.length === 1;
    for (const [index, operation] of group.operations.entries()) {
      const payload = group.payloads[index];
      if (alone) outcome.succeeded(index, this.#file.run(operation, payload));
      else this.#runUnderSavepoint(index, operation, payload, outcome);
    }
  }

  #runUnderSavepoint(index: number, operation: string, payload: unknown, outcome: Collected): void {
    this.#file.savepoint();
    try {
      const result = this.#file.run(operation, payload);
      this.#file.release();
      outcome.succeeded(index, result);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      this.#file.rollbackToSavepoint();
      outcome.failed(index, toFault(error));
    }
  }

  #oneByOne(group: Group): GroupOutcome {
    const outcome = new Collected(group.operations.length);
    for (const [index, operation] of group.operations.entries()) {
      try {
        this.#file.begin();
        const result = this.#file.run(operation, group.payloads[index]);
        this.#file.commit();
        outcome.succeeded(index, result);
      } catch (error) {
        this.#giveUp(error);
        outcome.failed(index, toFault(error));
      }
    }
    return outcome.committed(true);
  }

  #giveUp(error: unknown): void {
    try {
      this.#file.rollback();
      if (isBroken(error)) this.#file.markBroken();
    } catch {
      this.#file.markBroken(); // a rollback that fails leaves nothing to trust
    }
  }
}

class Collected {
  readonly #results: unknown[];
  readonly #transfer: ArrayBuffer[] = [];
  #faults: (Fault | undefined)[] | undefined;

  constructor(count: number) {
    this.#results = new Array<unknown>(count).fill(undefined);
  }

  succeeded(index: number, { result, transfer }: OperationResult): void {
    this.#results[index] = result;
    if (transfer !== undefined) this.#transfer.push(...transfer);
  }

  failed(index: number, fault: Fault): void {
    this.#faults ??= new Array<Fault | undefined>(this.#results.length).fill(undefined);
    this.#faults[index] = fault;
  }

  committed(rolledBack: boolean): GroupOutcome {
    return {
      answer: { results: this.#results, faults: this.#faults, rolledBack },
      transfer: this.#transfer,
    };
  }

  allFailed(fault: Fault): GroupOutcome {
    const count = this.#results.length;
    const answer = { results: [], faults: new Array<Fault>(count).fill(fault), rolledBack: true };
    return { answer, transfer: [] };
  }
}
