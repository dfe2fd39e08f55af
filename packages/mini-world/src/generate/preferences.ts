// Two answers to one prompt and which of them somebody prefers: Bradley–Terry noise around the oracle's reward.
// Knows no file format.
import type { Question } from "../grammar/question.ts";
import { judgeAnswer, type RewardName } from "../oracle/oracle.ts";
import type { Split } from "../split.ts";
import { drawAnswerText, drawPrompt, type Prompt, streamOf } from "./dialogue.ts";

/** P(first preferred) = σ(sharpness·(r₁ − r₂)): a difference of 0.4 is seen nine times of ten. */
export const preferenceSharpness = 5;

/** Two answers, the first of which is preferred. */
export interface LabelledPair {
  readonly prompt: Prompt;
  readonly chosen: string;
  readonly rejected: string;
  /** The oracle's rewards of both. */
  readonly rewards: { readonly chosen: number; readonly rejected: number };
}

/** Two different answers to one prompt, unlabelled. */
export interface AnswerPair {
  readonly prompt: Prompt;
  readonly answers: readonly [string, string];
}

/** Number `index` of the pairs of a seed; their answers are drawn as those of transcripts are. */
export function drawAnswerPair(seed: number, index: number, split: Split = "train"): AnswerPair {
  const random = streamOf(seed, `pair ${split}`, index);
  const prompt = drawPrompt(split, random);
  const first = drawAnswerText(prompt.question, random);
  for (;;) {
    const second = drawAnswerText(prompt.question, random);
    if (second !== first) return { prompt, answers: [first, second] };
  }
}

/**
 * Labels number `index` of the pairs by a reward, with noise: the better answer is chosen with probability
 * σ(sharpness·Δr). Pairs of equal reward are a coin's toss.
 */
export function drawPreference(seed: number, index: number, reward: RewardName, split: Split = "train"): LabelledPair {
  const { prompt, answers } = drawAnswerPair(seed, index, split);
  const [a, b] = answers.map((answer) => rewardOf(prompt.question, answer, reward)) as [number, number];
  const random = streamOf(seed, `label ${reward} ${split}`, index);
  const firstWins = random.uniform() < 1 / (1 + Math.exp(-preferenceSharpness * (a - b)));
  return firstWins
    ? { prompt, chosen: answers[0], rejected: answers[1], rewards: { chosen: a, rejected: b } }
    : { prompt, chosen: answers[1], rejected: answers[0], rewards: { chosen: b, rejected: a } };
}

function rewardOf(question: Question, answer: string, reward: RewardName): number {
  return judgeAnswer(question, answer)[reward];
}
