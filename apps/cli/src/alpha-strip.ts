// Tokens on a strip coloured by α: how much of each token came from the reward head. Knows no model.
import { Chalk, type ChalkInstance } from "chalk";

/** One token to draw. */
export interface StripToken {
  readonly text: string;
  readonly alpha: number | null;
}

const shades = " ▁▂▃▄▅▆▇█";

/** A painter for a terminal with colours or without. */
export function createChalk(colour: boolean): ChalkInstance {
  return new Chalk({ level: colour ? 3 : 0 });
}

/** The colour of α: from grey-blue at 0 over violet to orange at 1, dark enough for white text. */
export function alphaColour(alpha: number): readonly [number, number, number] {
  const stops = [
    [52, 73, 94],
    [125, 60, 152],
    [211, 84, 0],
  ] as const;
  const place = Math.min(1, Math.max(0, alpha)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  const mix = (channel: 0 | 1 | 2) =>
    Math.round(stops[low]![channel] + (place - low) * (stops[low + 1]![channel] - stops[low]![channel]));
  return [mix(0), mix(1), mix(2)];
}

/** The text with each token on its colour; without colours, the text and under it a bar a token. */
export function alphaStrip(tokens: readonly StripToken[], colour: boolean): string {
  if (colour) {
    const chalk = createChalk(true);
    return tokens
      .map(({ text, alpha }) => (alpha === null ? text : chalk.bgRgb(...alphaColour(alpha)).whiteBright(text)))
      .join("");
  }
  const text = tokens.map((token) => token.text).join("");
  return tokens.some(({ alpha }) => alpha !== null)
    ? `${text}\nα ${alphaBars(tokens.map(({ alpha }) => alpha))}`
    : text;
}

/** One bar a token, its height α. */
export function alphaBars(alphas: readonly (number | null)[]): string {
  return alphas
    .map((alpha) => (alpha === null ? "·" : shades[Math.round(Math.min(1, Math.max(0, alpha)) * (shades.length - 1))]))
    .join("");
}
