// What a prompt for a judge is: data with places for what is judged. Knows no endpoint and no wording.
import type { JsonValue } from "@dual-head/bytes";
import { JudgeError } from "../../judge-error.ts";
import type { GradeForm, VerdictForm } from "../verdicts/form.ts";

interface Prompt {
  /** Recorded beside verdicts. */
  readonly name: string;
  /** What the judge is told first, or null. */
  readonly system: string | null;
  /** The text with places such as `{question}` and `{answer_a}`. */
  readonly prompt: string;
  /** The most tokens of the judge's answer. */
  readonly maxTokens: number;
}

/** A prompt to compare two answers. */
export interface PairwiseTemplate extends Prompt {
  readonly asks: "pairwise";
  readonly form: VerdictForm;
}

/** A prompt to grade one answer. */
export interface SingleTemplate extends Prompt {
  readonly asks: "single";
  readonly form: GradeForm;
}

/** A prompt for a judge. */
export type JudgeTemplate = PairwiseTemplate | SingleTemplate;

/** Texts by the names of places. */
export type Places = Readonly<Record<string, string>>;

const placePattern = /\{([a-z][a-z\d]*(?:_[a-z\d]+)*)\}/g;
const common = /^(?:conversation|question|reference|(?:question|ref_answer)_[1-9]\d?)$/;
const known = {
  pairwise: /^answer_[ab](?:_[1-9]\d?)?$/,
  single: /^answer(?:_[1-9]\d?)?$/,
};

/** The names of places in a text, each once. */
export function placesIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(placePattern)].map(([, name]) => name!))];
}

/**
 * A template's text with its places filled, in one pass: what an answer writes in braces stays as it is.
 *
 * @param places must have all that the text names
 */
export function fillPlaces(text: string, places: Places): string {
  return text.replaceAll(placePattern, (_, name: string) => places[name]!);
}

/**
 * Checks that a template asks for nothing that is never there, and for what it is to judge.
 *
 * @throws JudgeError ("bad-template")
 */
export function checkTemplate({ name, asks, system, prompt, maxTokens }: JudgeTemplate): void {
  const refuse = (problem: string, remedy: string) => {
    throw new JudgeError(name, "bad-template", `Cannot use the template ${name}: ${problem}; ${remedy}`);
  };
  const names = placesIn(`${system ?? ""}${prompt}`);
  const strange = names.find((each) => !common.test(each) && !known[asks].test(each));
  const answers = asks === "pairwise" ? "{answer_a}, {answer_b}" : "{answer}";
  if (strange !== undefined) {
    refuse(
      `it has the place {${strange}}`,
      `a ${asks} one may have {conversation}, {question}, {question_1}, ${answers}, {reference}, {ref_answer_1} and so on`,
    );
  }
  for (const side of asks === "pairwise" ? ["answer_a", "answer_b"] : ["answer"]) {
    if (names.some((each) => each === side || each.startsWith(`${side}_`))) continue;
    refuse(`it has no place for {${side}}`, "the judge must be shown what it judges");
  }
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) {
    refuse(`maxTokens is ${maxTokens}`, "give an integer of at least 1");
  }
}

/** How many of a human's turns a template shows: `any` where it shows the whole conversation. */
export function turnCountOf({ system, prompt }: JudgeTemplate): number | "any" {
  const names = placesIn(`${system ?? ""}${prompt}`);
  if (names.includes("conversation")) return "any";
  const numbers = names.map((name) => /^question_(\d+)$/.exec(name)?.[1]).filter((each) => each !== undefined);
  return Math.max(1, ...numbers.map(Number));
}

/** A template as part of a judge's identity. */
export function identityOf({ name, asks, system, prompt, maxTokens, form }: JudgeTemplate): JsonValue {
  return { name, asks, system, prompt, maxTokens, form: { ...form } };
}
