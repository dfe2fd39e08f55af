// What a judge is: whoever says which of two answers is better, or how good one is. Knows no model, no network and no
// statistics.
import type { Message } from "@dual-head/data";

/** Two answers to one conversation, in the order in which the judge sees them. */
export interface Comparison {
  /** Ends with the human's turn. */
  readonly conversation: readonly Message[];
  readonly first: string;
  readonly second: string;
}

/**
 * What a judge said of two answers. A judge that could not be understood is neither a tie nor a vote: it is `unparsed`,
 * and counted as such.
 */
export interface Verdict {
  readonly winner: "first" | "second" | "tie" | "unparsed";
  /** What was said, word for word, or null of a judge that says nothing. */
  readonly raw: string | null;
}

/** One answer to one conversation. */
export interface Exchange {
  /** Ends with the human's turn. */
  readonly conversation: readonly Message[];
  readonly answer: string;
}

/** How good an answer is: a number on the judge's own scale, or null where it could not be understood. */
export interface Grade {
  readonly score: number | null;
  readonly raw: string | null;
}

/** Whoever compares answers, and perhaps grades them. */
export interface Judge {
  /** Recorded beside every verdict. */
  readonly name: string;
  /** Verdicts in the order of the comparisons; the judge decides how many are under way at once. */
  prefer(comparisons: readonly Comparison[], signal?: AbortSignal): Promise<readonly Verdict[]>;
  /** Grades in the order of the exchanges, where the judge grades at all. */
  grade?(exchanges: readonly Exchange[], signal?: AbortSignal): Promise<readonly Grade[]>;
}
