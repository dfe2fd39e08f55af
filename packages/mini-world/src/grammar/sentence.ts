// Sentences of answers from what they say, and back. Every sentence that is written is understood, whatever its wording.
// Knows no question and no score.
import type { Random } from "@dual-head/tensor-core";
import { keyOf, phraseOf, unitOf } from "./lexicon.ts";
import { type Frame, fixedSentences, framesOf, type Place, tails } from "./sentences.ts";
import { paraphrase } from "./synonyms.ts";
import type { FixedRole, Move, PhraseRole } from "./unit.ts";

const synonymShare = 0.25;
const tailShare = 0.08;

/** One of several; each as likely. */
export function oneOf<Value>(values: readonly Value[], random: Random): Value {
  return values[random.integer(values.length)]!;
}

/** Puts a move into words; `place` says where it stands among its kind, "any" where that does not matter. */
export function realise(move: Move, place: Place, random: Random): string {
  if (move.kind === "fixed")
    return capitalised(paraphrase(oneOf(fixedSentences[move.role], random), random, synonymShare));
  const { unit, negated } = move;
  const all = framesOf[unit.role];
  if (all === undefined) throw new RangeError(`Cannot answer with a ${unit.role}: it belongs into questions`);
  const fitting = all.filter((frame) => frame.negated === negated && (frame.place === "any" || frame.place === place));
  const special = fitting.filter((frame) => frame.place !== "any");
  // Half of the sentences that have a place say so.
  const frame = oneOf(special.length > 0 && random.uniform() < 0.5 ? special : fitting, random);
  const tail = takesTail(unit.role) && !negated && random.uniform() < tailShare ? oneOf(tails, random) : "";
  const phrase = paraphrase(phraseOf(unit), random, synonymShare);
  return capitalised(paraphrase(frame.text, random, synonymShare).replace("{}", phrase + tail));
}

interface FrameMatcher {
  readonly before: string;
  readonly after: string;
  readonly negated: boolean;
  readonly roles: readonly PhraseRole[];
}

const matchers: readonly FrameMatcher[] = [...new Set(Object.values(framesOf).flatMap((frames) => frames ?? []))].map(
  (frame: Frame) => {
    const [before, after] = keyOf(frame.text).split("{}") as [string, string];
    const roles = (Object.keys(framesOf) as PhraseRole[]).filter((role) => framesOf[role]!.includes(frame));
    return { before, after, negated: frame.negated, roles };
  },
);

const fixedBySentence = new Map(
  (Object.entries(fixedSentences) as [FixedRole, readonly string[]][]).flatMap(([role, sentences]) =>
    sentences.map((sentence) => [keyOf(sentence), role] as const),
  ),
);

/** What a sentence says, its full stop included; null where it is none of the world's, or does not begin with a capital. */
export function understand(sentence: string): Move | null {
  if (!/^[A-Z]/.test(sentence)) return null;
  const key = keyOf(sentence);
  const role = fixedBySentence.get(key);
  if (role !== undefined) return { kind: "fixed", role };
  for (const { before, after, negated, roles } of matchers) {
    if (!key.startsWith(before) || !key.endsWith(after) || key.length < before.length + after.length) continue;
    const inner = key.slice(before.length, key.length - after.length);
    // A phrase inside a sentence begins small, but for names.
    const unit = unitOf(inner) ?? unitOf(withoutTail(inner));
    if (unit !== null && roles.includes(unit.role)) return { kind: "unit", unit, negated };
  }
  return null;
}

function takesTail(role: PhraseRole): boolean {
  return role === "step" || role === "mistake" || role === "careful" || role === "careless";
}

function withoutTail(text: string): string {
  const tail = tails.find((each) => text.endsWith(each));
  return tail === undefined ? text : text.slice(0, -tail.length);
}

/** The text with its first letter large. */
export function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Cuts a text after each full stop, question mark and exclamation mark; what is left at the end is a piece as well. */
export function sentencesOf(text: string): readonly string[] {
  return (
    text
      .match(/[^.?!]*[.?!]+|[^.?!]+$/g)
      ?.map((piece) => piece.trim())
      .filter((piece) => piece !== "") ?? []
  );
}
