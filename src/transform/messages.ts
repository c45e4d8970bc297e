/** What the bus asks of the transformation process, one request at a time, and what it answers. */

export interface Request {
  readonly expression: string;
  /** The event in the CloudEvents JSON format; undefined to compile the expression only. */
  readonly document: Uint8Array | undefined;
}

export type Answer =
  | { readonly kind: "compiled" }
  /** The event with what the expression sets; without its data unless the expression `setsData`. */
  | { readonly kind: "transformed"; readonly document: string; readonly setsData: boolean }
  /** Why there is none, as the end of the sentence "the transformation ...". */
  | { readonly kind: "failed"; readonly problem: string }
  /** The same, and no fault of the expression: trying again makes sense. */
  | { readonly kind: "unavailable"; readonly problem: string };

/** The first message of the process: it takes requests from now on. */
export const READY = "ready";
