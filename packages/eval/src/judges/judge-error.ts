// What goes wrong with judges of any kind, with its facts. Knows no network.

/** What went wrong. */
export type JudgeFault = "bad-score" | "no-verdict" | "no-place" | "bad-template" | "too-long" | "bad-options";

/** A judge could not be made or asked; the message ends with the remedy. */
export class JudgeError extends Error {
  override readonly name: string = "JudgeError";
  readonly judge: string;
  readonly fault: JudgeFault;
  /** Index of the comparison or exchange among those that were given, or null where none is concerned. */
  readonly index: number | null;

  constructor(judge: string, fault: JudgeFault, message: string, index: number | null = null) {
    super(message);
    this.judge = judge;
    this.fault = fault;
    this.index = index;
  }
}
