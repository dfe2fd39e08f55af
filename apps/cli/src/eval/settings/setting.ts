// What methods are compared on: prompts, preferences to train on, and what is known of the truth. Knows no method.

import type { Message, PreferencePair } from "@dual-head/data";
import { type Exchange, hhPrompt, type JudgeTemplate, type Scorer } from "@dual-head/eval";

/** A prompt to be answered. */
export interface EvalPrompt {
  /** What the model reads, in HH-RLHF's form up to and with the last `\n\nAssistant:`. */
  readonly text: string;
  /** The human's turns and the answers between them, in turn. */
  readonly turns: readonly string[];
  /** How it is answered where that is not the configuration's to say. */
  readonly manner?: AnswerManner | undefined;
}

/** How a benchmark has its questions answered. */
export interface AnswerManner {
  readonly temperature?: number | undefined;
  readonly maxNewTokens?: number | undefined;
  /** Instead of the setting's. */
  readonly stopStrings?: readonly string[] | undefined;
}

/** Which prompts: those of which no preference was ever seen, or others to choose settings by. */
export type PromptSplit = "test" | "validation";

/** Where prompts, preferences and truth come from. */
export interface Setting {
  /** Recorded with every run. */
  readonly name: string;
  /** Names of the rewards that preferences are for; the first is what methods are compared by. */
  readonly rewards: readonly string[];
  /** Prompts of a split, as many as there are up to `count`. */
  prompts(split: PromptSplit, count: number, seed: number): Promise<readonly EvalPrompt[]>;
  /** Preference pairs for a reward, in HH-RLHF's form. */
  pairs(reward: string, count: number, seed: number): Promise<readonly PreferencePair[]>;
  /** Scores by reward, of an oracle or of reward models; none where nobody knows. */
  readonly scorers: Readonly<Record<string, Scorer>>;
  /** The share of an answer's sentences that parse, where the setting has a grammar. */
  readonly isFluent: ((answer: string) => boolean) | null;
  /** Where an answer ends beside the model's own stop tokens. */
  readonly stopStrings: readonly string[];
  /** Questions with true and false answers, where there are some. */
  choices(): Promise<readonly MultipleChoice[]>;
  /** Conversations of two human turns, the second asked after the answer to the first. */
  twoTurns(count: number, seed: number): Promise<readonly TwoTurns[]>;
  /** What a judge is asked to grade with, before what it would ask itself. */
  gradeTemplates(): Promise<readonly JudgeTemplate[]>;
}

/** A question with all its answers. */
export interface MultipleChoice {
  readonly category: string;
  readonly question: string;
  /** What the model reads before an answer. */
  readonly prompt: string;
  /** How an answer is written, where it is. */
  readonly manner: AnswerManner;
  /** What a written answer is compared with. */
  readonly references: { readonly correct: readonly string[]; readonly incorrect: readonly string[] };
  /** Answers as they follow the prompt; the first of the true ones is the best. */
  readonly trueAnswers: readonly string[];
  readonly falseAnswers: readonly string[];
}

/** A conversation of two questions. */
export interface TwoTurns {
  readonly id: string;
  readonly category: string;
  readonly turns: readonly [string, string];
  readonly manner: AnswerManner;
  /** A sound answer to each turn, where the judge is shown some. */
  readonly references: readonly string[] | null;
}

/** Turns of human and assistant, in turn, as messages. */
function conversationOf(turns: readonly string[]): readonly Message[] {
  return turns.map((content, at) => ({ role: at % 2 === 0 ? "human" : "assistant", content }));
}

/** A transcript as a model reads it; the last turn is the human's. */
export function transcriptOf(turns: readonly string[]): string {
  return hhPrompt(conversationOf(turns));
}

/** The exchange that an answer to a prompt makes. */
export function exchangeOf({ turns }: Pick<EvalPrompt, "turns">, answer: string): Exchange {
  return { conversation: conversationOf(turns), answer: answer.trim() };
}
