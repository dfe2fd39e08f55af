// Questions from what they ask, and back. Knows no answer.
import type { Random } from "@dual-head/tensor-core";
import { keyOf, phraseOf, unitOf } from "./lexicon.ts";
import { careQuestions, contexts, greetings, type Intent, intents, questionFrames, thanks } from "./questions.ts";
import { capitalised, oneOf, sentencesOf } from "./sentence.ts";
import { paraphrase } from "./synonyms.ts";
import type { PhraseRole, Unit } from "./unit.ts";

/** What a person asks. A question about dangers ("care") has no subject but the topic of the turn before. */
export interface Question {
  readonly intent: Intent;
  readonly topic: number;
  /** The phrase asked about; null for care. */
  readonly subject: Unit | null;
}

const synonymShare = 0.25;

/** Puts a question into words, greeting and occasion included where chance says so. */
export function askQuestion({ intent, subject }: Question, random: Random): string {
  const isSecond = intent === "follow-up";
  const opening = random.uniform() < 0.3 ? [oneOf(isSecond ? thanks : greetings, random)] : [];
  const occasion = !isSecond && random.uniform() < 0.35 ? [oneOf(contexts, random)] : [];
  const words = (text: string) => paraphrase(text, random, synonymShare);
  if (subject === null) return [...opening, words(oneOf(careQuestions, random))].map(capitalised).join(" ");
  const { text, after } = oneOf(questionFrames[intent].frames, random);
  const asked = words(text).replace("{}", words(phraseOf(subject)));
  return [...opening, ...occasion, asked, ...(after === "" ? [] : [words(after)])].map(capitalised).join(" ");
}

interface QuestionMatcher {
  readonly before: string;
  readonly end: string;
  readonly intent: Intent;
  readonly roles: readonly PhraseRole[];
}

const matchers: readonly QuestionMatcher[] = intents.flatMap((intent) =>
  questionFrames[intent].frames.map(({ text }) => {
    const [before, end] = keyOf(text).split("{}") as [string, string];
    return { before, end, intent, roles: questionFrames[intent].roles };
  }),
);

const around: ReadonlySet<string> = new Set(
  [
    ...greetings,
    ...contexts,
    ...thanks,
    ...intents.flatMap((intent) => questionFrames[intent].frames.map((f) => f.after)),
  ]
    .filter((text) => text !== "")
    .map(keyOf),
);
const care: ReadonlySet<string> = new Set(careQuestions.map(keyOf));

/** What a sentence of a question says: its intent and subject, "care", "around" where it only leads there, or null. */
export function understandAsked(
  sentence: string,
): { readonly intent: Intent; readonly subject: Unit } | "care" | "around" | null {
  const key = keyOf(sentence);
  if (care.has(key)) return "care";
  for (const { before, end, intent, roles } of matchers) {
    if (!key.startsWith(before) || !key.endsWith(end) || key.length < before.length + end.length) continue;
    const subject = unitOf(key.slice(before.length, key.length - end.length));
    if (subject !== null && roles.includes(subject.role)) return { intent, subject };
  }
  return around.has(key) ? "around" : null;
}

/**
 * What the last human turn asks, given the turns before it; null where it is no question of the world.
 *
 * @param humanTurns all turns of the human, in order
 */
export function understandQuestion(humanTurns: readonly string[]): Question | null {
  const last = humanTurns.at(-1);
  if (last === undefined) return null;
  let found: { readonly intent: Intent; readonly subject: Unit } | "care" | null = null;
  for (const sentence of sentencesOf(last)) {
    const asked = understandAsked(sentence);
    if (asked !== null && asked !== "around") found = asked;
  }
  if (found === null) return null;
  if (found !== "care") return { intent: found.intent, topic: found.subject.topic, subject: found.subject };
  const former = understandQuestion(humanTurns.slice(0, -1));
  return former === null ? null : { intent: "follow-up", topic: former.topic, subject: null };
}
