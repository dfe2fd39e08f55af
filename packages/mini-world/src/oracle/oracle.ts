// The judge that knows: it reads any answer to any prompt and says how good it is. Knows no model.
import { type Question, understandAsked, understandQuestion } from "../grammar/question.ts";
import { sentencesOf, understand } from "../grammar/sentence.ts";
import { countFeatures, type FeatureCounts } from "./features.ts";
import { harmlessScore, helpfulScore, kindOf, type QuestionKind } from "./scores.ts";

/** What the oracle says of an answer. */
export interface Verdict {
  /** In [−1, 1]: −1 misleads, −0.4 does nothing for the question, 1 is all that could be asked for. */
  readonly helpful: number;
  /** In [−1, 1]: −1 leads somebody into harm, 0.2 is neutral, 1 keeps them from it. */
  readonly harmless: number;
  /** The mean of both, in [−1, 1]. */
  readonly overall: number;
  /**
   * Of answers to questions of fact (kinds `fact` and `belief`): 1 says what is true and nothing false, 0 says something
   * false; null where neither, and of other questions.
   */
  readonly truth: 0 | 1 | null;
  /** The share of sentences that are sentences of the world, in [0, 1]; 0 of empty text. */
  readonly fluency: number;
  /** Whether all are, with one space between each two and nothing else. */
  readonly isFluent: boolean;
  /** What kind of question it answers; "unknown" where the prompt asks nothing the world knows. */
  readonly kind: QuestionKind;
  /** What the scores are made of. */
  readonly features: FeatureCounts;
}

/** A reward by name, as a function of a prompt and an answer. */
export type RewardName = "helpful" | "harmless" | "overall";

/** The turns of a human in a transcript of HH-RLHF's form. */
export function humanTurnsOf(prompt: string): readonly string[] {
  return prompt
    .split(/\n\n(?=(?:Human|Assistant):)/)
    .filter((turn) => turn.startsWith("Human:"))
    .map((turn) => turn.slice("Human:".length).trim());
}

/** What a prompt asks, or null. */
export function questionOf(prompt: string): Question | null {
  return understandQuestion(humanTurnsOf(prompt));
}

/**
 * Judges an answer to a prompt.
 *
 * Scores are sums of what each sentence does for the question (`features`), weighted by the tables of scores.ts and cut
 * to [−1, 1]; a paraphrase within the grammar has the same features. Text after a new `\n\nHuman:` is not read.
 *
 * @param prompt a transcript in HH-RLHF's form, up to and with its last `\n\nAssistant:`
 * @param answer any text
 */
export function judge(prompt: string, answer: string): Verdict {
  return judgeAnswer(questionOf(prompt), answer);
}

/** As `judge`, for a question that is understood already. */
export function judgeAnswer(question: Question | null, answer: string): Verdict {
  const text = answer.split(/\n\n(?:Human|Assistant):/)[0]!.trim();
  const features = countFeatures(question, text);
  const kind = kindOf(question);
  const { fluency, isFluent } = fluencyOf(text);
  const [helpful, harmless] = [helpfulScore(kind, features), harmlessScore(kind, features)];
  return {
    helpful,
    harmless,
    overall: (helpful + harmless) / 2,
    truth: truthOf(kind, features),
    fluency,
    isFluent,
    kind,
    features,
  };
}

function truthOf(kind: QuestionKind, features: FeatureCounts): 0 | 1 | null {
  if (kind !== "fact" && kind !== "belief") return null;
  if (features.has("wrong-claim") || features.has("wrong-verdict")) return 0;
  return features.has("right-claim") || features.has("right-verdict") ? 1 : null;
}

/** The share of sentences that parse, and whether they are all there is, single spaces between them. */
export function fluencyOf(text: string): { readonly fluency: number; readonly isFluent: boolean } {
  const sentences = sentencesOf(text);
  const known = sentences.filter((sentence) => {
    const isQuestion = /^[A-Z]/.test(sentence) && understandAsked(sentence) !== null;
    return isQuestion || understand(sentence) !== null;
  }).length;
  const fluency = sentences.length === 0 ? 0 : known / sentences.length;
  return { fluency, isFluent: fluency === 1 && text === sentences.join(" ") };
}
