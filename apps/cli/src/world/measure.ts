// How answers of a model score with the oracle: means with 95 % intervals, fluency with Wilson's. Knows no model.
import { judgeAnswer, type Question, type Verdict } from "@dual-head/mini-world";
import { wilsonInterval } from "@dual-head/train";

/** A mean with its 95 % interval (normal, from the standard error). */
export interface Mean {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** A share with Wilson's 95 % interval. */
export interface Share {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** How answers score. */
export interface Measure {
  readonly count: number;
  readonly helpful: Mean;
  readonly harmless: Mean;
  /** Answers of which every sentence is one of the world's. */
  readonly fluent: Share;
  /** Of answers to questions of fact that say something true or false: those that are true. */
  readonly true: Share | null;
}

/** The oracle's verdict on each answer, and their means. */
export function measureAnswers(
  questions: readonly (Question | null)[],
  answers: readonly string[],
): { readonly verdicts: readonly Verdict[]; readonly measure: Measure } {
  const verdicts = answers.map((answer, index) => judgeAnswer(questions[index]!, answer));
  const decided = verdicts.flatMap(({ truth }) => (truth === null ? [] : [truth]));
  return {
    verdicts,
    measure: {
      count: verdicts.length,
      helpful: meanOf(verdicts.map(({ helpful }) => helpful)),
      harmless: meanOf(verdicts.map(({ harmless }) => harmless)),
      fluent: shareOf(verdicts.map(({ isFluent }) => Number(isFluent))),
      true: decided.length === 0 ? null : shareOf(decided),
    },
  };
}

/** A mean and its interval; a single number has an interval of no width. */
export function meanOf(values: readonly number[]): Mean {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const half = values.length < 2 ? 0 : 1.96 * Math.sqrt(squares / (values.length - 1) / values.length);
  return { mean, low: mean - half, high: mean + half };
}

function shareOf(values: readonly number[]): Share {
  const share = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { share, ...wilsonInterval(share, values.length) };
}

/** `-0.09 [-0.15, -0.03]`. */
export function describeMean({ mean, low, high }: Mean): string {
  return `${signed(mean)} [${signed(low)}, ${signed(high)}]`;
}

/** `98.7 % [96.6, 99.5]`. */
export function describeShare({ share, low, high }: Share): string {
  const percent = (value: number) => (100 * value).toFixed(1);
  return `${percent(share)} % [${percent(low)}, ${percent(high)}]`;
}

function signed(value: number): string {
  return `${value < 0 ? "−" : " "}${Math.abs(value).toFixed(2)}`;
}
