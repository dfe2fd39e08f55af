// Which topics preferences are made of, and which are left for testing. Knows no text.
import { type Intent, intents } from "./grammar/questions.ts";
import { topics } from "./topics/index.ts";

/**
 * What is drawn from: topics that preferences are made of (`train`), those that no preference is ever made of (`test`), or
 * both. Topics are held out whole, since the intents of a topic share its tasks, facts and dangers, and answers to all of
 * them may end in a tip about one. Backbones read all of the world, as a pretrained model has read of everything.
 */
export type Split = "train" | "test" | "all";

/** A topic and an intent. */
export interface Cell {
  readonly topic: number;
  readonly intent: Intent;
}

/** Whether no preference is about this topic: so it is with every fourth. */
export function isHeldOut(topic: number): boolean {
  return topic % 4 === 1;
}

/** The topics of a split. */
export function topicsOf(split: Split): readonly number[] {
  return [...topics.keys()].filter((topic) => split === "all" || isHeldOut(topic) === (split === "test"));
}

/** The cells of a split: its topics, each with every intent. */
export function cellsOf(split: Split): readonly Cell[] {
  return topicsOf(split).flatMap((topic) => intents.map((intent) => ({ topic, intent })));
}
