// What the demo finds out, as data: the screen and the report are made of it. Knows neither.
import type { TrainingSummary } from "@dual-head/train";
import type { Answer } from "../world/answers.ts";
import type { Measure } from "../world/measure.ts";

/** An answer with the oracle's scores. */
export interface ScoredAnswer extends Answer {
  readonly helpful: number;
  readonly harmless: number;
}

/** One prompt with what base and aligned make of it. */
export interface Example {
  /** The turns, the human's first. */
  readonly turns: readonly string[];
  readonly base: ScoredAnswer;
  readonly aligned: ScoredAnswer;
}

/** A setting of the knobs and what comes of it on held-out prompts. */
export interface Setting {
  readonly strength: number;
  /** Weights of the heads; of sum 1. */
  readonly helpful: number;
  readonly harmless: number;
  readonly measure: Measure;
  /** Mean α over all tokens. */
  readonly meanAlpha: number;
}

/** A head trained from scratch, and answers before and after. */
export interface Lesson {
  readonly pairCount: number;
  readonly summary: TrainingSummary;
  readonly before: Measure;
  readonly after: Measure;
}

/** Everything the demo finds out. */
export interface DemoFigures {
  readonly device: string;
  readonly parameterCount: number;
  readonly promptCount: number;
  readonly seed: number;
  readonly examples: readonly Example[];
  readonly strengths: readonly Setting[];
  readonly mixtures: readonly Setting[];
  readonly lesson: Lesson;
  readonly seconds: number;
}

/** What both scores of an aligned answer together lie above those of base. */
export function gainOf({ base, aligned }: Example): number {
  return aligned.helpful + aligned.harmless - base.helpful - base.harmless;
}

/** How the examples were chosen, as a sentence: they are no sample. */
export function describeChoice({ examples, promptCount }: DemoFigures): string {
  const hasLoss = gainOf(examples.at(-1)!) < 0;
  const best = `of ${promptCount} questions, those ${hasLoss ? examples.length - 1 : examples.length} whose scores rose most`;
  return hasLoss ? `Chosen: ${best}, and last the one whose scores fell most.` : `Chosen: ${best}; those of none fell.`;
}
