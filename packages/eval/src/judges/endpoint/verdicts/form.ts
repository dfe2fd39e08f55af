// The forms in which a judge is told to decide, and how each is read: total, whatever the model wrote. Knows no prompt.
import type { Grade, Verdict } from "../../judge.ts";
import type { Completion } from "../response.ts";
import { parseLetters } from "./letters.ts";
import { parseOneToken, preferenceOf, type TokenNames } from "./one-token.ts";
import { parseRating, type Scale } from "./rating.ts";
import { parseTwoScores } from "./two-scores.ts";

/** How a judge of two answers decides. */
export type VerdictForm =
  /** `[[A]]`, `[[B]]` or `[[C]]`. */
  | { readonly kind: "letters" }
  /** A line with two scores. */
  | ({ readonly kind: "two-scores" } & Scale)
  /** One token, with the likelihoods of so many of the likeliest. */
  | { readonly kind: "one-token"; readonly names: TokenNames; readonly topLogprobs: number };

/** How a judge of one answer grades it: `[[rating]]`. */
export type GradeForm = { readonly kind: "rating" } & Scale;

/** What a model wrote after it had thought aloud, for models that mark their thoughts. */
export function withoutThoughts(text: string): string {
  const end = text.lastIndexOf("</think>");
  return end < 0 ? text : text.slice(end + "</think>".length);
}

/** The verdict of an answer of the model. */
export function readVerdict(form: VerdictForm, { text: raw, topLogprobs }: Completion): Verdict {
  const text = withoutThoughts(raw);
  if (form.kind === "letters") return { winner: parseLetters(text), raw };
  if (form.kind === "two-scores") {
    const scores = parseTwoScores(text, form);
    if (scores === null) return { winner: "unparsed", raw };
    const [first, second] = scores;
    return { winner: first === second ? "tie" : first > second ? "first" : "second", raw, scores };
  }
  const preference = topLogprobs === null ? null : preferenceOf(topLogprobs, form.names);
  if (preference === null) return { winner: parseOneToken(text, form.names), raw };
  return { winner: preference === 1.5 ? "tie" : preference < 1.5 ? "first" : "second", raw, preference };
}

/** The grade of an answer of the model. */
export function readGrade(form: GradeForm, { text: raw }: Completion): Grade {
  return { score: parseRating(withoutThoughts(raw), form), raw };
}
