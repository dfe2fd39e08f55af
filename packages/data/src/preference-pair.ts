// What training sees: a prompt in turns, and a preferred and a dispreferred answer. Knows no file format.

/**
 * A human preference between two answers to one prompt.
 *
 * `prompt` is cut where turns begin, so that a prompt too long for a model can lose its first turns: the pieces put
 * together are the prompt, and the last one ends where the answer begins (in HH-RLHF's form with `\n\nAssistant:`,
 * which belongs to the last human turn). The answers follow the prompt directly, with their own leading space.
 */
export interface PreferencePair {
  readonly prompt: readonly string[];
  readonly chosen: string;
  readonly rejected: string;
}

/** A prompt in turns, as in {@link PreferencePair}, and the answer to be imitated. */
export interface SftExample {
  readonly prompt: readonly string[];
  readonly response: string;
}

/**
 * Why a well-formed row is not used: no assistant's turn; transcripts that differ before the last one; an empty
 * answer; answers equal but for white space; messages without a question before or without an answer at the end;
 * a speaker other than human, assistant and system; an answer labelled as one not to imitate.
 */
export type DropReason =
  | "no-assistant-turn"
  | "prefixes-differ"
  | "empty-answer"
  | "equal-answers"
  | "no-question"
  | "no-answer"
  | "unsupported-role"
  | "undesirable";

/** How many rows were dropped for each reason. */
export type DropCounts = Readonly<Record<DropReason, number>>;

/** Every reason with the count 0. */
export function createDropCounts(): Record<DropReason, number> {
  return {
    "no-assistant-turn": 0,
    "prefixes-differ": 0,
    "empty-answer": 0,
    "equal-answers": 0,
    "no-question": 0,
    "no-answer": 0,
    "unsupported-role": 0,
    undesirable: 0,
  };
}

/** A pair, or why there is none: its answers say nothing where one is empty or both are the same. */
export function judgePair(pair: PreferencePair): PreferencePair | DropReason {
  const chosen = pair.chosen.trim();
  const rejected = pair.rejected.trim();
  if (chosen === "" || rejected === "") return "empty-answer";
  return chosen === rejected ? "equal-answers" : pair;
}

/** What stands before the assistant's words in HH-RLHF's transcripts. */
export const assistantMark = "\n\nAssistant:";

/**
 * Cuts a transcript in HH-RLHF's form where its turns begin; the pieces put together are the transcript.
 *
 * A mark `\n\nAssistant:` at the very end belongs to the turn before it. Other texts are one piece, the empty text none.
 */
export function splitTurns(transcript: string): readonly string[] {
  if (transcript === "") return [];
  const turns = transcript.split(/(?=\n\n(?:Human|Assistant):)/);
  if (turns.length < 2 || turns.at(-1) !== assistantMark) return turns;
  return [...turns.slice(0, -2), turns.at(-2)! + assistantMark];
}
