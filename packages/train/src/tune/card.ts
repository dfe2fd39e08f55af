// The card of a tuned model, for people. Knows no file.
import { figureLines, settingLines } from "../card.ts";
import type { TuneFigures } from "./events.ts";
import type { PairObjective } from "./objectives.ts";
import type { TuneSettings } from "./settings.ts";

/** What a card says of a tuned model. */
export interface TuneDescription {
  /** The method for people: its name and where it is from. */
  readonly title: string;
  /** What the folder holds and how it is used, a sentence. */
  readonly holds: string;
  /** What was trained: "all parameters", "LoRA of rank 8 …". */
  readonly trained: string;
  /** SHA-256 of the weights that training started from, and how they were held. */
  readonly backboneSha256: string;
  readonly backboneDtype: string;
  readonly tokenizerSha256: string;
  /** SHA-256 over the token ids of all pairs and their split. */
  readonly dataSha256: string;
  readonly objective: PairObjective["config"];
  readonly settings: TuneSettings;
  readonly figures: TuneFigures;
}

/** How margins of an objective are to be read. */
const readings: Readonly<Record<string, string>> = {
  arm: "Rewards are sums of log-probabilities over response tokens, so that the length of a response is part of them.",
  dpo: "The reward of a response is what its summed log-probability gained on the model before training, of which every pair is a tie.",
  simpo: "The reward of a response is the mean of its log-probabilities.",
  "bradley-terry": "The reward of a response is the score of prompt and response together.",
};

/** The text of the card. */
export function tuneCard(description: TuneDescription): string {
  const { title, holds, trained, objective, settings, figures } = description;
  return [
    `# ${title}`,
    "",
    holds,
    "",
    `- Trained: ${trained}`,
    `- From weights with SHA-256 \`${description.backboneSha256}\`, held as ${description.backboneDtype}`,
    `- Tokenizer SHA-256: \`${description.tokenizerSha256}\``,
    `- Data SHA-256: \`${description.dataSha256}\``,
    ...figureLines(figures, "model"),
    "",
    ...[readings[objective.kind] ?? []].flat(),
    "",
    ...settingLines({ objective, ...settings }),
  ].join("\n");
}
