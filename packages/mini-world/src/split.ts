// Which topics go with which intents into preferences: the test split has the others. Knows no text.
import { type Intent, intents } from "./grammar/questions.ts";
import { topics } from "./topics/index.ts";

/**
 * What is drawn from: cells that preferences are made of (`train`), those no preference is ever made of (`test`), or
 * both. Backbones read all of the world, as a pretrained model has read of everything; alignment never sees `test`.
 */
export type Split = "train" | "test" | "all";

/** A topic and an intent. */
export interface Cell {
  readonly topic: number;
  readonly intent: Intent;
}

/** The intent that a topic has no preferences of. */
export function heldOutIntent(topic: number): Intent {
  return intents[(3 * topic + 1) % intents.length]!;
}

/** The cells of a split: of each topic one intent for testing, the others for training. */
export function cellsOf(split: Split): readonly Cell[] {
  const cells = topics.flatMap((_, topic) => intents.map((intent) => ({ topic, intent })));
  return split === "all" ? cells : cells.filter((cell) => splitOf(cell) === split);
}

/** The split that a cell belongs to. */
export function splitOf({ topic, intent }: Cell): Exclude<Split, "all"> {
  return intent === heldOutIntent(topic) ? "test" : "train";
}
