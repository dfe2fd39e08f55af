// How answers of a model score with the oracle: means with 95 % intervals, fluency with Wilson's. Knows no model.
import { type MeanEstimate, meanInterval, type ShareEstimate, shareInterval } from "@dual-head/eval";
import { judgeAnswer, type Question, type Verdict } from "@dual-head/mini-world";

/** How answers score. */
export interface Measure {
  readonly count: number;
  readonly helpful: MeanEstimate;
  readonly harmless: MeanEstimate;
  /** Answers of which every sentence is one of the world's. */
  readonly fluent: ShareEstimate;
  /** Of answers to questions of fact that say something true or false: those that are true. */
  readonly true: ShareEstimate | null;
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
      helpful: meanInterval(verdicts.map(({ helpful }) => helpful)),
      harmless: meanInterval(verdicts.map(({ harmless }) => harmless)),
      fluent: shareOf(verdicts.map(({ isFluent }) => Number(isFluent))),
      true: decided.length === 0 ? null : shareOf(decided),
    },
  };
}

function shareOf(values: readonly number[]): ShareEstimate {
  return shareInterval(
    values.reduce((sum, value) => sum + value, 0),
    values.length,
  );
}

/** `-0.09 [-0.15, -0.03]`. */
export function describeMean({ mean, low, high }: MeanEstimate): string {
  return `${signed(mean)} [${signed(low)}, ${signed(high)}]`;
}

/** `98.7 % [96.6, 99.5]`. */
export function describeShare({ share, low, high }: ShareEstimate): string {
  const percent = (value: number) => (100 * value).toFixed(1);
  return `${percent(share)} % [${percent(low)}, ${percent(high)}]`;
}

function signed(value: number): string {
  return `${value < 0 ? "−" : " "}${Math.abs(value).toFixed(2)}`;
}
