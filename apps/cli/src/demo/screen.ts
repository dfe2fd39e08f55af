// The demo's figures as text for a terminal, coloured or plain. Knows no model.
import { alphaColour, alphaStrip, createChalk } from "../alpha-strip.ts";
import type { Io } from "../io.ts";
import { describeMean, describeShare } from "../world/measure.ts";
import { type DemoFigures, describeChoice, type Example, type Setting } from "./figures.ts";

/** All of it, ending with a new line. */
export function screenOf(figures: DemoFigures, { colour }: Pick<Io, "colour">): string {
  const chalk = createChalk(colour);
  const { examples, strengths, mixtures, lesson, promptCount } = figures;
  return [
    "",
    chalk.dim(describeChoice(figures)),
    "",
    ...examples.flatMap((example) => exampleLines(example, colour)),
    ...(colour ? [alphaScale(), ""] : []),
    chalk.bold(`True rewards on ${promptCount} held-out questions, mean [95 % interval]`),
    "",
    chalk.bold("strength  helpful                harmless               fluent  mean α"),
    ...strengths.map((setting) => settingLine(setting.strength === 0 ? "0 (base)" : String(setting.strength), setting)),
    "",
    chalk.bold("weights   helpful                harmless               fluent  mean α"),
    ...mixtures.map((setting) => settingLine(`${share(setting.helpful)} / ${share(setting.harmless)}`, setting)),
    chalk.dim("weights of the helpful and the harmless head, at strength 1"),
    "",
    chalk.bold(`A head trained here on ${lesson.pairCount} preferences, ${lesson.summary.seconds.toFixed(0)} s`),
    `  helpful reward of answers   before ${describeMean(lesson.before.helpful)}   after ${describeMean(lesson.after.helpful)}`,
    `  fluent answers              before ${describeShare(lesson.before.fluent)}   after ${describeShare(lesson.after.fluent)}`,
    ...accuracyLines(figures),
    "",
  ].join("\n");
}

function exampleLines({ turns, base, aligned }: Example, colour: boolean): readonly string[] {
  const chalk = createChalk(colour);
  const pieces = aligned.pieces.map((piece, at) => (at === 0 ? { ...piece, text: piece.text.trimStart() } : piece));
  const strip = alphaStrip(pieces, colour).split("\n").join("\n           ");
  const score = (answer: { readonly helpful: number; readonly harmless: number }) =>
    chalk.dim(`           helpful ${signed(answer.helpful)}  harmless ${signed(answer.harmless)}`);
  return [
    ...turns.map((turn, at) => chalk.bold(`${at % 2 === 0 ? "Human" : "Assistant"}: ${turn}`)),
    `${chalk.dim("  base    ")} ${base.text.trim()}`,
    score(base),
    `${chalk.dim("  aligned ")} ${strip}`,
    score(aligned),
    "",
  ];
}

function alphaScale(): string {
  const chalk = createChalk(true);
  const scale = [0, 0.25, 0.5, 0.75, 1].map((alpha) => chalk.bgRgb(...alphaColour(alpha)).whiteBright(` α ${alpha} `));
  return `${scale.join("")}${chalk.dim("  how much of each token is the reward heads'")}`;
}

function settingLine(name: string, { measure, meanAlpha }: Setting): string {
  const fluent = `${(100 * measure.fluent.share).toFixed(0)} %`;
  const rewards = [measure.helpful, measure.harmless].map((mean) => describeMean(mean).padEnd(21));
  return `${name.padEnd(8)}  ${rewards.join("  ")}  ${fluent.padStart(6)}  ${meanAlpha.toFixed(2).padStart(6)}`;
}

function accuracyLines({ lesson }: DemoFigures): readonly string[] {
  const { heldOut, trainable } = lesson.summary;
  const trained = `  trained: ${trainable.head + trainable.gate} numbers, the model none`;
  if (heldOut === null) return [trained];
  const percent = (value: number) => `${(100 * value).toFixed(0)} %`;
  return [
    `  prefers the chosen answer of ${heldOut.pairs} held-out pairs in ${percent(heldOut.accuracy)} [${percent(heldOut.low)}, ${percent(heldOut.high)}]; untrained ${percent(heldOut.untrained)}, "shorter wins" ${percent(heldOut.shorterWins)}`,
    trained,
  ];
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

function share(value: number): string {
  return value === 0.5 ? "½" : String(value);
}
