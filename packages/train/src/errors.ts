// What can go wrong with training and with its files, as typed errors; knows no cure beyond the sentence.

/** What stopped a training run. */
export type TrainingFault =
  | "options"
  | "empty-data"
  | "not-finite"
  | "output-exists"
  | "resume-mismatch"
  | "state-file"
  | "disk-space"
  | "feature-range"
  | "feature-file";

/** Training cannot start or go on; carries the fault and, where one is to blame, the optimiser step. */
export class TrainingError extends Error {
  override readonly name: string = "TrainingError";
  readonly fault: TrainingFault;
  /** Optimiser step, counted from 1, or null. */
  readonly step: number | null;

  constructor(
    fault: TrainingFault,
    message: string,
    options: { readonly step?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.fault = fault;
    this.step = options.step ?? null;
  }
}

/** A heads file does not fit: carries the file, what was checked, what was required and what was found. */
export class HeadsFileError extends Error {
  override readonly name: string = "HeadsFileError";
  readonly path: string;
  /** What was checked: "version", "backbone", "tokenizer", "shape", "metadata" and the like. */
  readonly field: string;
  readonly expected: string;
  readonly actual: string;

  constructor(
    path: string,
    facts: { readonly field: string; readonly expected: string; readonly actual: string; readonly remedy: string },
  ) {
    super(
      `Cannot load heads ${path}: ${facts.field} is ${facts.actual} but must be ${facts.expected}; ${facts.remedy}`,
    );
    this.path = path;
    this.field = facts.field;
    this.expected = facts.expected;
    this.actual = facts.actual;
  }
}
