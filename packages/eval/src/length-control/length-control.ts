// AlpacaEval 2's length-controlled win rate: what a logistic model of preferences says of answers of equal length. It does
// not know how lengths were counted: characters in AlpacaEval.
import { type BootstrapEstimate, type BootstrapOptions, bootstrap } from "../intervals/bootstrap.ts";
import { deviationOf, meanOf } from "../intervals/mean.ts";
import { checkSameLength, checkValues, MetricError } from "../metric-error.ts";
import { fitLogistic, type LogisticProblem, logistic, scoreOf, softLogLoss } from "./logistic.ts";
import { type Preference, type PreferenceWinRate, preferenceWinRate, sharesOf } from "./preference.ts";

/** What is compared, and how draws are made. */
export interface LengthControlOptions extends BootstrapOptions {
  /** One an instruction, 2 where this method surely wins. */
  readonly preferences: readonly Preference[];
  /** Lengths of this method's answers. */
  readonly lengths: ArrayLike<number>;
  /** Lengths of the other's answers to the same instructions. */
  readonly otherLengths: ArrayLike<number>;
  /** How hard each instruction is, where that is known: fitted on many models. Default: no such term. */
  readonly difficulties?: ArrayLike<number> | undefined;
  /** Default 200. */
  readonly resamples?: number | undefined;
}

/** Coefficients of the logistic model. */
export interface LengthControlCoefficients {
  /** Of tanh(Δ/sd Δ), Δ this method's length less the other's: over 0 where the judge likes length. */
  readonly length: number;
  /** Of the instruction's difficulty; null where none was given. */
  readonly difficulty: number | null;
  /** What is left at equal lengths. */
  readonly baseline: number;
}

/** A win rate at equal lengths. */
export interface LengthControlledWinRate {
  /** In percent, from 0 to 100, with the percentile bootstrap's interval over instructions. */
  readonly lengthControlled: BootstrapEstimate;
  /** The win rate as it is. */
  readonly raw: PreferenceWinRate;
  /** Whether difficulties were given: figures with and without them are different metrics. */
  readonly difficulty: "given" | "none";
  readonly coefficients: LengthControlCoefficients;
  /** C of the L1 penalty, chosen by cross-validation. */
  readonly cost: number;
  /**
   * Standard error of the predictions' mean in points, which AlpacaEval's leaderboard calls the error of this rate: how
   * instructions differ in the model, not how far the rate is off. Null without difficulties, where all are equal.
   */
  readonly predictionError: number | null;
}

const metric = "a length-controlled win rate";

/**
 * The win rate of a fitted model at equal lengths in percent: 100·meanᵢ σ(w_base + w_diff·dᵢ), or 100·σ(w_base) without
 * difficulties.
 *
 * @throws MetricError where the model has a coefficient of difficulty and none are given, or the other way round
 */
export function rateAtEqualLengths(
  { baseline, difficulty }: Pick<LengthControlCoefficients, "baseline" | "difficulty">,
  difficulties?: ArrayLike<number>,
): number {
  if ((difficulty === null) !== (difficulties === undefined)) {
    const reason = `the model ${difficulty === null ? "knows no difficulties, and some are given; fit it with them" : "needs each instruction's difficulty; give them"}`;
    throw new MetricError(metric, "mismatch", reason);
  }
  if (difficulty === null || difficulties === undefined) return 100 * logistic(baseline);
  checkValues(metric, difficulties);
  return 100 * meanOf(Array.from(difficulties, (each) => logistic(baseline + difficulty * each)));
}

const foldCount = 5;
/** scikit-learn's ten: 10⁻⁴ to 10⁴, evenly in the logarithm. */
const costs: readonly number[] = Array.from({ length: 10 }, (_, index) => 10 ** (-4 + (8 * index) / 9));

/**
 * AlpacaEval 2's length-controlled win rate, 100·meanᵢ σ(w_base + w_diff·dᵢ), of the model
 * P(win) = σ(w_len·tanh(Δ/sd Δ) + w_diff·d + w_base) fitted with an L1 penalty; its C is the best of ten by the log-loss of
 * five folds, and fixed in the bootstrap, each draw of which fits coefficients and sd Δ anew.
 *
 * Deviations: AlpacaEval also fits annotations of its baseline told to be verbose and to be concise (weight .1 a row), and
 * has difficulties; neither comes with the public annotations. Without both, rates are higher than the published ones, by
 * 2.7 to 27.1 points for nine models, most for the one of the shortest answers. So `none` compares methods of one evaluation,
 * and is not to be set beside the leaderboard. Instructions are dealt to folds in turn, and the fit goes on until it
 * converges. AlpacaEval's length coefficient has the other sign.
 *
 * @throws MetricError where lists differ in length or hold what they must not, fewer than five preferences were
 * understood, or all differences of length are the same but not 0, so that length cannot be told from quality
 */
export function lengthControlledWinRate(options: LengthControlOptions): LengthControlledWinRate {
  const { preferences, lengths, otherLengths, difficulties, seed, resamples = 200, level } = options;
  checkInputs(options);
  const shares = sharesOf(metric, preferences);
  const differences = Float64Array.from(lengths, (length, row) => length - otherLengths[row]!);
  const all = Uint32Array.from({ length: shares.length }, (_, row) => row);
  const whole = problemOf(shares, differences, difficulties, all);
  if (whole === null) {
    const reason = `every length differs by ${differences[0]}, so that length cannot be told from quality; give answers whose lengths differ by different amounts`;
    throw new MetricError(metric, "undefined", reason);
  }
  const cost = chooseCost(whole);
  const fitted = fitLogistic(whole, cost);
  const predict = (coefficients: readonly number[], row: number): number =>
    100 * logistic(coefficients[1]! + (difficulties === undefined ? 0 : coefficients[2]! * difficulties[row]!));
  const rateOf = (rows: Uint32Array): number | null => {
    const problem = problemOf(shares, differences, difficulties, rows);
    if (problem === null) return null;
    const coefficients = fitLogistic(problem, cost, fitted);
    let sum = 0;
    for (const row of rows) sum += predict(coefficients, row);
    return sum / rows.length;
  };
  const predictions = difficulties === undefined ? null : Array.from(all, (row) => predict(fitted, row));
  return {
    lengthControlled: bootstrap(shares.length, rateOf, { seed, resamples, level }),
    raw: preferenceWinRate(preferences),
    difficulty: difficulties === undefined ? "none" : "given",
    coefficients: { length: fitted[0]!, baseline: fitted[1]!, difficulty: fitted[2] ?? null },
    cost,
    predictionError: predictions === null ? null : deviationOf(predictions) / Math.sqrt(predictions.length),
  };
}

function checkInputs({ preferences, lengths, otherLengths, difficulties }: LengthControlOptions): void {
  const understood = preferences.filter((preference) => preference !== null).length;
  if (understood < foldCount) {
    const reason = `${understood} preferences were understood; give at least ${foldCount}, one for each fold`;
    throw new MetricError(metric, "empty", reason);
  }
  for (const values of difficulties === undefined ? [lengths, otherLengths] : [lengths, otherLengths, difficulties]) {
    checkSameLength(metric, preferences, values);
    checkValues(metric, values);
  }
}

/**
 * The regression over rows, which may repeat: features length, baseline and perhaps difficulty. Lengths are scaled by all
 * rows, and rows that were not understood are left out. Null where the scale is 0 and the differences are not.
 */
function problemOf(
  shares: readonly (number | null)[],
  differences: Float64Array,
  difficulties: ArrayLike<number> | undefined,
  rows: Uint32Array,
): LogisticProblem | null {
  const drawn = Float64Array.from(rows, (row) => differences[row]!);
  const scale = deviationOf(drawn);
  if (scale === 0 && drawn[0] !== 0) return null;
  const understood = rows.filter((row) => shares[row] !== null);
  const length = Float64Array.from(understood, (row) => (scale === 0 ? 0 : Math.tanh(differences[row]! / scale)));
  const baseline = new Float64Array(understood.length).fill(1);
  const hardness = difficulties === undefined ? [] : [Float64Array.from(understood, (row) => difficulties[row]!)];
  return {
    features: [length, baseline, ...hardness],
    labels: Float64Array.from(understood, (row) => shares[row]!),
    weights: baseline,
  };
}

/** The C of the least mean log-loss over five folds, the smallest among equals. */
function chooseCost({ features, labels, weights }: LogisticProblem): number {
  const rows = Array.from(labels, (_, row) => row);
  // From the strongest penalty on, each fit beginning at the last.
  const losses = costs.map(() => 0);
  for (let fold = 0; fold < foldCount; fold++) {
    const kept = Float64Array.from(weights, (weight, row) => (row % foldCount === fold ? 0 : weight));
    const left = rows.filter((row) => row % foldCount === fold);
    let fitted: readonly number[] | undefined;
    for (const [index, cost] of costs.entries()) {
      fitted = fitLogistic({ features, labels, weights: kept }, cost, fitted);
      const coefficients = fitted;
      losses[index]! += meanOf(left.map((row) => softLogLoss(scoreOf(features, coefficients, row), labels[row]!)));
    }
  }
  return costs[losses.indexOf(Math.min(...losses))]!;
}
