// What a judge is: whoever says which of two answers is better, or how good one is. Knows no model, no network and no
// statistics.
import type { JsonValue } from "@dual-head/bytes";
import type { Message } from "@dual-head/data";

/** Two answers in the order in which the judge sees them, usually to one conversation. */
export interface Comparison {
  /** Ends with the human's turn. */
  readonly conversation: readonly Message[];
  readonly first: string;
  readonly second: string;
  /** What the second answer goes on from, where earlier turns differ too; default: `conversation`. */
  readonly secondConversation?: readonly Message[] | undefined;
  /** A sound answer to each of the human's turns, in order, for judges that compare with them. */
  readonly references?: readonly string[] | undefined;
}

/**
 * What a judge said of two answers. A judge that could not be understood is neither a tie nor a vote: it is `unparsed`,
 * and counted as such.
 */
export interface Verdict {
  readonly winner: "first" | "second" | "tie" | "unparsed";
  /** What was said, word for word, or null of a judge that says nothing. */
  readonly raw: string | null;
  /** From 1, surely the first, to 2, surely the second, where the judge is more exact than its choice. */
  readonly preference?: number | undefined;
  /** Scores of the first and the second on the judge's own scale, where it gave some. */
  readonly scores?: readonly [number, number] | undefined;
}

/** One answer to one conversation. */
export interface Exchange {
  /** Ends with the human's turn. */
  readonly conversation: readonly Message[];
  readonly answer: string;
  /** A sound answer to each of the human's turns, in order, for judges that compare with them. */
  readonly references?: readonly string[] | undefined;
}

/** How good an answer is: a number on the judge's own scale, or null where it could not be understood. */
export interface Grade {
  readonly score: number | null;
  readonly raw: string | null;
}

/** How a judge is asked. */
export interface JudgeOptions<Said> {
  /** Ends the work; the judge then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told of each verdict as soon as it is known, once an index, in any order, also where a later one fails: so that what
   * was paid for can be kept. What it throws ends the work.
   */
  readonly onSaid?: ((index: number, said: Said) => void) | undefined;
}

/** Whoever compares answers, and perhaps grades them. */
export interface Judge {
  /** Recorded beside every verdict. */
  readonly name: string;
  /**
   * All that its verdicts depend on (model, prompts, parameters): verdicts on disk belong to whom has the same. Default:
   * the name alone.
   */
  readonly identity?: JsonValue | undefined;
  /** Verdicts in the order of the comparisons; the judge decides how many are under way at once. */
  prefer(comparisons: readonly Comparison[], options?: JudgeOptions<Verdict>): Promise<readonly Verdict[]>;
  /** Grades in the order of the exchanges, where the judge grades at all. */
  grade?(exchanges: readonly Exchange[], options?: JudgeOptions<Grade>): Promise<readonly Grade[]>;
}

/** Both sides of a comparison, each by itself. */
export function exchangesOf(comparison: Comparison): readonly [Exchange, Exchange] {
  const { conversation, first, second, secondConversation = conversation, references } = comparison;
  const shared = references === undefined ? {} : { references };
  return [
    { conversation, answer: first, ...shared },
    { conversation: secondConversation, answer: second, ...shared },
  ];
}
