// A dialogue in the shape of HH-RLHF: turns of a human and an assistant, by seed and number. Knows no score.
import { createRandom, type Random } from "@dual-head/tensor-core";
import { askQuestion, type Question } from "../grammar/question.ts";
import { realise } from "../grammar/sentence.ts";
import type { Split } from "../split.ts";
import { bestAnswer, drawAnswer, type PlacedMove } from "./answer.ts";
import { drawQuestion, questionIn } from "./question.ts";

/** A question with everything before it. */
export interface Prompt {
  readonly question: Question;
  /** Turns of human and assistant in turn; the last is the human's question. */
  readonly turns: readonly string[];
  /** HH-RLHF's transcript, up to and with the last `\n\nAssistant:`. */
  readonly text: string;
}

/** The stream of number `index` of a purpose: any dialogue can be drawn without those before it. */
export function streamOf(seed: number, purpose: string, index: number): Random {
  return createRandom(seed, `${purpose} ${index}`);
}

/** Draws a prompt: one question, or two with an answer between them. */
export function drawPrompt(split: Split, random: Random): Prompt {
  const question = drawQuestion(split, random);
  const asked = askQuestion(question, random);
  if (question.intent !== "follow-up") return promptOf(question, [asked]);
  const first = formerQuestion(question, random);
  // The former answer is a good one as often as not.
  const moves = random.uniform() < 0.5 ? bestAnswer(first) : drawAnswer(first, random);
  return promptOf(question, [askQuestion(first, random), wordsOf(moves, random), asked]);
}

/** Topics whose dialogues begin with what a task needs; the shipped backbones have read them so. */
const needsFirst: ReadonlySet<number> = new Set([2, 9]);

/** A question about another task of the topic. */
function formerQuestion({ topic, subject }: Question, random: Random): Question {
  for (;;) {
    const first = questionIn({ topic, intent: needsFirst.has(topic) ? "needs" : "how-to" }, random);
    if (first.subject!.item !== subject?.item) return first;
  }
}

/** A prompt from its turns. */
export function promptOf(question: Question, turns: readonly string[]): Prompt {
  const text = turns.map((turn, at) => `\n\n${at % 2 === 0 ? "Human" : "Assistant"}: ${turn}`).join("");
  return { question, turns, text: `${text}\n\nAssistant:` };
}

/** Puts an answer into words, without a leading space; no sentence stands in it twice. */
export function wordsOf(moves: readonly PlacedMove[], random: Random): string {
  const sentences = new Set<string>();
  for (const { move, place } of moves) {
    const before = sentences.size;
    while (sentences.size === before) sentences.add(realise(move, place, random));
  }
  return [...sentences].join(" ");
}

/** An answer as people of this world give it, good or bad, without a leading space. */
export function drawAnswerText(question: Question, random: Random): string {
  return wordsOf(drawAnswer(question, random), random);
}

/** Number `index` of the transcripts of a seed: what base models are trained on. */
export function drawTranscript(seed: number, index: number, split: Split = "all"): string {
  const random = streamOf(seed, `transcript ${split}`, index);
  const prompt = drawPrompt(split, random);
  return `${prompt.text} ${drawAnswerText(prompt.question, random)}`;
}
