// The card of trained heads, for people; what it says is in the file's metadata too.
import type { HeadConfig } from "@dual-head/heads";
import type { HeadsDescription, HeadsFigures } from "./heads-file.ts";

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function describeHead(head: HeadConfig): string {
  switch (head.kind) {
    case "linear":
      return "linear (a matrix of its own)";
    case "low-rank":
      return `low-rank, rank ${head.rank}`;
    case "residual":
      return `residual, width ${head.width}`;
    case "block":
      return `block, attention ${head.width} wide with ${head.headCount} heads, feed-forward ${head.feedForwardSize}`;
  }
}

/** The text of `card.md`. */
export function headsCard(description: HeadsDescription): string {
  const { head, gate, figures, settings } = description;
  const gateText =
    gate.kind === "attention"
      ? `attention, width ${gate.width}, ${gate.headCount} heads`
      : `constant at alpha ${gate.alpha}`;
  return [
    "# Dual-Head: a reward head and a gate for one frozen backbone",
    "",
    "Use these heads only with the backbone and the tokenizer they were trained on; loading checks both.",
    "",
    `- Backbone SHA-256: \`${description.backboneSha256}\``,
    `- Backbone weights held as ${description.backboneDtype} in training`,
    `- Tokenizer SHA-256: \`${description.tokenizerSha256}\``,
    `- Hidden size ${description.hiddenSize}, vocabulary size ${description.vocabSize}`,
    `- Reward head: ${describeHead(head)}`,
    `- Gate: ${gateText}`,
    ...figureLines(figures, "head"),
    "",
    "Rewards are sums of log-probabilities over response tokens, so that the length of a response is part of them.",
    "",
    ...settingLines(settings),
  ].join("\n");
}

/** Step, loss and held-out accuracy, as a card says them. */
export function figureLines(figures: HeadsFigures, subject: "head" | "model"): readonly string[] {
  const { heldOut } = figures;
  const accuracy =
    heldOut === null
      ? ["Held-out accuracy: not measured."]
      : [
          `Held-out accuracy on ${heldOut.pairs} pairs never trained on: **${percent(heldOut.accuracy)}**`,
          `(Wilson 95 % interval ${percent(heldOut.low)} to ${percent(heldOut.high)}).`,
          `The untrained ${subject}: ${percent(heldOut.untrained)}. The rule "the shorter wins": ${percent(heldOut.shorterWins)}.`,
        ];
  return [
    `- Step ${figures.step} of ${figures.stepCount} on ${figures.device}`,
    figures.trainLoss === null
      ? "- Training loss: not known"
      : `- Training loss, mean of the last tenth of steps: ${figures.trainLoss.toFixed(4)}`,
    "",
    ...accuracy,
  ];
}

/** Settings as a card shows them. */
export function settingLines(settings: Readonly<Record<string, unknown>>): readonly string[] {
  return ["## Settings", "", "```json", JSON.stringify(settings, null, 2), "```", ""];
}
