/** How commands end. The numbers are part of the interface: `pulsebus --help` lists them. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** An end of a command that its user can do something about: `message` says what, without a stack. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command was called wrongly. */
export function usageFailure(message: string): CommandFailure {
  return new CommandFailure(message, EXIT.usage);
}
