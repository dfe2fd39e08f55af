// Which topics are trained on with which intents: the test split has the others. Knows no text.
import { type Intent, intents } from "./grammar/questions.ts";
import { topics } from "./topics/index.ts";

/** The two sides of the world. */
export type Split = "train" | "test";

/** A topic and an intent. */
export interface Cell {
  readonly topic: number;
  readonly intent: Intent;
}

/** The intent that a topic is never trained on. Its phrases are met under other intents, so that they can be known. */
export function heldOutIntent(topic: number): Intent {
  return intents[(3 * topic + 1) % intents.length]!;
}

/** The cells of a split: one intent of each topic for testing, the others for training. */
export function cellsOf(split: Split): readonly Cell[] {
  return topics.flatMap((_, topic) =>
    intents
      .filter((intent) => (intent === heldOutIntent(topic)) === (split === "test"))
      .map((intent) => ({ topic, intent })),
  );
}

/** The split that a cell belongs to. */
export function splitOf({ topic, intent }: Cell): Split {
  return intent === heldOutIntent(topic) ? "test" : "train";
}
