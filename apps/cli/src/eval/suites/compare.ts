// Two arms' answers to the same prompts, compared by the judge: win rate, length-controlled win rate, and how sure they are.
// Knows no suite.
import {
  bootstrapDifference,
  type Comparison,
  lengthControlledWinRate,
  type MeanEstimate,
  meanInterval,
  type Outcome,
  outcomeOfBoth,
  preferBothOrders,
  preferenceFor,
  winRateOfBoth,
} from "@dual-head/eval";
import type { Claim, Figure } from "../figures.ts";
import { exchangeOf } from "../settings/setting.ts";
import type { Answered, SuiteContext } from "./context.ts";

/** How often the first arm's answer is preferred. */
export interface Compared {
  readonly first: Answered;
  readonly second: Answered;
  readonly count: number;
  readonly ties: number;
  readonly unparsed: number;
  /** Of the first arm, prompt by prompt: 1, 0, ½ where the orders disagree or tie, null where one was not understood. */
  readonly outcomes: readonly Outcome[];
  /** (wins + ties/2) / parsed, with a 95 % interval. */
  readonly win: Figure;
  /** The same with the lengths of answers accounted for. */
  readonly lengthControlled: Figure | null;
  /** Mean difference of the setting's first reward, where the truth is known. */
  readonly gain: Figure | null;
}

/** Compares the answers of two arms, prompt by prompt, in both orders. */
export async function compare(context: SuiteContext, first: Answered, second: Answered): Promise<Compared> {
  const comparisons = first.responses.map(({ answer }, at): Comparison => {
    const { conversation } = exchangeOf(first.prompts[at]!, answer);
    return { conversation, first: answer.trim(), second: second.responses[at]!.answer.trim() };
  });
  const verdicts = await preferBothOrders(context.judge, comparisons, { signal: context.signal });
  const { config, setting } = context;
  const rate = winRateOfBoth(verdicts, { seed: config.seed });
  if (rate.winRate === null) {
    throw new Error(
      `Cannot compare ${first.arm.name} with ${second.arm.name}: none of the judge's ${verdicts.length} answers was understood; see its file in verdicts, and give it another template`,
    );
  }
  const preferences = verdicts.map(({ given, exchanged }) => {
    const both = [preferenceFor(given, "first"), preferenceFor(exchanged, "first")];
    return both[0] == null || both[1] == null ? null : (both[0] + both[1]) / 2;
  });
  const reward = setting.rewards[0]!;
  const [own, other] = [first.rewards[reward], second.rewards[reward]];
  return {
    ...{ first, second, count: comparisons.length, ties: rate.ties, unparsed: rate.unparsed },
    outcomes: verdicts.map((both) => outcomeOfBoth(both, "first", "agreement")),
    win: { value: rate.winRate, ...rate.wilson },
    lengthControlled: controlLength(preferences, first, second, config.seed),
    gain:
      own === undefined || other === undefined
        ? null
        : figureOf(bootstrapDifference(own, other, { seed: config.seed })),
  };
}

/** Preferences that a fit in five folds needs. */
const fewestPreferences = 5;

/**
 * The win rate at equal lengths in characters; null where all lengths differ alike, too few were understood, or the fit's
 * penalty leaves exactly 50 in every draw, which says nothing.
 */
function controlLength(
  preferences: readonly (number | null)[],
  first: Answered,
  second: Answered,
  seed: number,
): Figure | null {
  if (preferences.filter((each) => each !== null).length < fewestPreferences) return null;
  const lengthsOf = ({ responses }: Answered) => responses.map(({ answer }) => answer.trim().length);
  const [lengths, otherLengths] = [lengthsOf(first), lengthsOf(second)];
  if (new Set(lengths.map((length, at) => length - otherLengths[at]!)).size < 2) return null;
  const { value, low, high } = lengthControlledWinRate({ preferences, lengths, otherLengths, seed }).lengthControlled;
  return value === null || low === null || high === null || low === high
    ? null
    : { value: value / 100, low: low / 100, high: high / 100 };
}

/** The claim that the first arm is preferred, as strongly as the paper says. */
export function preferenceClaim(
  { first, second, win, count }: Pick<Compared, "first" | "second" | "win" | "count">,
  printed: string,
): Claim {
  const holds = win.low! > 0.5 ? true : win.high! < 0.5 ? false : null;
  const target = Number.parseFloat(printed) / 100;
  const reached = win.low! > target ? "more than" : win.high! < target ? "less than" : "within the interval of";
  return {
    statement: `${first.arm.name} is preferred over ${second.arm.name} (paper: ${printed} %).`,
    holds,
    evidence: `${percent(win)} of ${count} comparisons; ${reached} the paper's figure.`,
  };
}

/** The mean difference of one arm's values less another's, prompt by prompt, with its bootstrap interval. */
export function pairedDifference(first: readonly number[], second: readonly number[], seed: number): Figure {
  return figureOf(bootstrapDifference(first, second, { seed }));
}

/** What a difference decides: true above 0, false below, null where its interval holds 0. */
export function decided({ low, high }: Figure): boolean | null {
  return low! > 0 ? true : high! < 0 ? false : null;
}

/** `0.11 [0.06, 0.17]`. */
export function signed({ value, low, high }: Figure): string {
  const text = (number: number) => number.toFixed(3).replace("-", "−");
  return `${text(value)} [${text(low!)}, ${text(high!)}]`;
}

/** `58.3 % [52.7, 63.7]`. */
export function percent({ value, low, high }: Figure): string {
  const text = (share: number) => (100 * share).toFixed(1);
  return low === undefined || high === undefined
    ? `${text(value)} %`
    : `${text(value)} % [${text(low)}, ${text(high)}]`;
}

/** A mean with its interval as a figure. */
export function figureOf({ mean, low, high }: Omit<MeanEstimate, "count">): Figure {
  return { value: mean, low, high };
}

/** The mean of values with its interval. */
export function meanFigure(values: readonly number[]): Figure {
  return figureOf(meanInterval(values));
}

/** The mean of a true reward over an arm's answers. */
export function rewardOf({ rewards }: Answered, name: string): Figure | null {
  const values = rewards[name];
  return values === undefined ? null : meanFigure(values);
}
