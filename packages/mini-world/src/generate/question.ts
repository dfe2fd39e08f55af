// Draws what is asked: a cell of the split, then a phrase of its topic. Knows no wording.
import type { Random } from "@dual-head/tensor-core";
import type { Question } from "../grammar/question.ts";
import { type Intent, questionFrames } from "../grammar/questions.ts";
import { oneOf } from "../grammar/sentence.ts";
import type { PhraseRole, Unit } from "../grammar/unit.ts";
import { type Cell, cellsOf, type Split } from "../split.ts";
import { topics } from "../topics/index.ts";

/** Share of follow-ups that ask about dangers instead of another task. */
const careShare = 0.4;

/** A question of a split; every cell is as likely. */
export function drawQuestion(split: Split, random: Random): Question {
  return questionIn(oneOf(cellsOf(split), random), random);
}

/** A question of one cell. */
export function questionIn({ topic, intent }: Cell, random: Random): Question {
  if (intent === "follow-up" && random.uniform() < careShare) return { intent, topic, subject: null };
  return { intent, topic, subject: drawSubject(topic, intent, random) };
}

function drawSubject(topic: number, intent: Intent, random: Random): Unit {
  const role = oneOf(questionFrames[intent].roles, random);
  return { role, topic, item: random.integer(countOf(topic, role)), index: 0 };
}

function countOf(topic: number, role: PhraseRole): number {
  const { tasks, facts, hazards } = topics[topic]!;
  if (role === "goal") return tasks.length;
  return role === "wish" ? hazards.length : facts.length;
}
