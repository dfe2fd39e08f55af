// AlpacaEval's rates: the published win rates from the published annotations, and what control of length must do.
import { readText } from "@dual-head/bytes";
import { readAlpacaEval } from "@dual-head/data";
import { sharedAsset } from "@dual-head/repo-tools";
import { createRandom } from "@dual-head/tensor-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lengthControlledWinRate, rateAtEqualLengths } from "./length-control.ts";
import { logistic } from "./logistic.ts";
import { preferenceWinRate } from "./preference.ts";

const seed = 20261125;

interface World {
  readonly count: number;
  readonly length: number;
  readonly baseline: number;
  readonly difficulty?: number;
}

/** Preferences of a judge that likes length as much as it is told to. */
function drawWorld(stream: number, { count, length, baseline, difficulty = 0 }: World) {
  const random = createRandom(stream, "length world");
  const otherLengths = Array.from({ length: count }, () => 200 + random.integer(800));
  const lengths = otherLengths.map((other) => other + 300 + 400 * random.normal());
  const differences = lengths.map((each, row) => each - otherLengths[row]!);
  const mean = differences.reduce((a, b) => a + b, 0) / count;
  const scale = Math.sqrt(differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (count - 1));
  const difficulties = lengths.map(() => random.normal());
  const preferences = differences.map((each, row): number => {
    const z = length * Math.tanh(each / scale) + difficulty * difficulties[row]! + baseline;
    return random.uniform() < logistic(z) ? 2 : 1;
  });
  return { preferences, lengths, otherLengths, difficulties };
}

describe("preferenceWinRate()", () => {
  it("turns with the sides, leaves out what was not understood and counts draws half", () => {
    const preference = fc.oneof(fc.constantFrom(null, 1, 1.5, 2), fc.double({ min: 1, max: 2, noNaN: true }));
    fc.assert(
      fc.property(fc.array(preference, { maxLength: 19 }), (rest) => {
        const given = [...rest, 1.25];
        const rate = preferenceWinRate(given);
        const turned = preferenceWinRate(given.map((each) => (each === null ? null : 3 - each)));
        expect(turned.winRate).toBeCloseTo(100 - rate.winRate, 9);
        expect(turned.discreteWinRate).toBeCloseTo(100 - rate.discreteWinRate, 9);
        expect([turned.wins, turned.losses, turned.ties]).toEqual([rate.losses, rate.wins, rate.ties]);
        expect(rate.wins + rate.losses + rate.ties + rate.unparsed).toBe(given.length);
        expect(preferenceWinRate([...given, null])).toEqual({ ...rate, unparsed: rate.unparsed + 1 });
        expect(preferenceWinRate([...given, 0])).toEqual(preferenceWinRate([...given, 1.5]));
      }),
      { seed, numRuns: 200 },
    );
    expect(preferenceWinRate([2])).toMatchObject({ winRate: 100, standardError: null });
    expect(() => preferenceWinRate([null])).toThrow("no preference was understood");
    expect(() => preferenceWinRate([1, 0.5])).toThrow("preference 1 is 0.5; give null, 0 or a number from 1 to 2");
  });
});

describe("lengthControlledWinRate()", () => {
  it("turns with the sides", () => {
    for (const stream of [1, 2, 3]) {
      const { preferences, lengths, otherLengths } = drawWorld(stream, { count: 61, length: 1, baseline: -0.4 });
      const one = lengthControlledWinRate({ preferences, lengths, otherLengths, seed, resamples: 20 });
      const other = lengthControlledWinRate({
        preferences: preferences.map((each) => 3 - each),
        lengths: otherLengths,
        otherLengths: lengths,
        seed,
        resamples: 20,
      });
      expect(other.lengthControlled.value).toBeCloseTo(100 - one.lengthControlled.value!, 5);
      expect(other.lengthControlled.low).toBeCloseTo(100 - one.lengthControlled.high!, 3);
      expect(other.coefficients.length).toBeCloseTo(one.coefficients.length, 5);
      expect(other.cost).toBe(one.cost);
    }
  });

  it(`takes from a judge what it gives for length: the interval holds the true rate (seed ${seed})`, () => {
    const trials = 60;
    let [inside, rawInside] = [0, 0];
    for (let stream = 0; stream < trials; stream++) {
      const world = drawWorld(stream, { count: 300, length: 1.5, baseline: 0 });
      const { lengthControlled, raw } = lengthControlledWinRate({
        preferences: world.preferences,
        lengths: world.lengths,
        otherLengths: world.otherLengths,
        seed: stream,
        resamples: 60,
      });
      if (lengthControlled.low! <= 50 && 50 <= lengthControlled.high!) inside++;
      if (Math.abs(raw.winRate - 50) < 1.96 * raw.standardError!) rawInside++;
    }
    // Sixty draws say 95 % to ± 8.4 (three standard errors).
    expect(inside / trials).toBeGreaterThan(0.86);
    // The raw rate takes length for quality.
    expect(rawInside / trials).toBeLessThan(0.1);
  });

  it("finds the coefficients of the judge, difficulties given or not, and says which", () => {
    const world = drawWorld(7, { count: 8000, length: 1.2, baseline: 0.5, difficulty: 1 });
    const { difficulties, ...rest } = world;
    const given = lengthControlledWinRate({ ...rest, difficulties, seed, resamples: 2 });
    expect(given.difficulty).toBe("given");
    expect(Math.abs(given.coefficients.length - 1.2)).toBeLessThan(0.15);
    expect(Math.abs(given.coefficients.difficulty! - 1)).toBeLessThan(0.15);
    expect(Math.abs(given.coefficients.baseline - 0.5)).toBeLessThan(0.15);
    expect(given.predictionError).toBeGreaterThan(0);
    expect(given.lengthControlled.value).toBeCloseTo(rateAtEqualLengths(given.coefficients, difficulties), 9);
    const none = lengthControlledWinRate({ ...rest, seed, resamples: 2 });
    expect(none).toMatchObject({ difficulty: "none", predictionError: null, coefficients: { difficulty: null } });
    expect(none.lengthControlled.value).toBeCloseTo(rateAtEqualLengths(none.coefficients), 9);
    // Without them the rate is still near; the coefficients shrink.
    expect(Math.abs(none.lengthControlled.value! - given.lengthControlled.value!)).toBeLessThan(2);
    expect(none.coefficients.length).toBeLessThan(given.coefficients.length);
  });

  it("is the raw rate, but for the penalty, where all lengths are the same", () => {
    const preferences = Array.from({ length: 100 }, (_, row) => (row % 4 === 0 ? 1 : 2));
    const lengths = preferences.map(() => 7);
    const { lengthControlled, raw, coefficients } = lengthControlledWinRate({
      preferences,
      lengths,
      otherLengths: lengths,
      seed,
    });
    expect(coefficients.length).toBe(0);
    expect(Math.abs(lengthControlled.value! - raw.winRate)).toBeLessThan(3);
    const longer = lengths.map((length) => length + 3);
    expect(() => lengthControlledWinRate({ preferences, lengths: longer, otherLengths: lengths, seed })).toThrow(
      "every length differs by 3, so that length cannot be told from quality",
    );
  });

  it("leaves out what was not understood, and says what is wrong with what it is given", () => {
    const { difficulties: _, ...world } = drawWorld(5, { count: 40, length: 1, baseline: 0 });
    const preferences = world.preferences.map((each, row) => (row % 8 === 0 ? null : each));
    expect(lengthControlledWinRate({ ...world, preferences, seed, resamples: 5 }).raw.unparsed).toBe(5);
    const run = (change: object) => () => lengthControlledWinRate({ ...world, seed, ...change });
    expect(run({ lengths: [1] })).toThrow("40 and 1 values");
    expect(run({ preferences: [1, 2, 1, 2, null] })).toThrow("4 preferences were understood; give at least 5");
    expect(run({ preferences: world.preferences.with(3, 0.3) })).toThrow("preference 3 is 0.3");
    expect(run({ lengths: world.lengths.with(2, Number.NaN) })).toThrow("value 2 is NaN");
    expect(() => rateAtEqualLengths({ baseline: 0, difficulty: null }, [1])).toThrow("knows no difficulties");
    expect(() => rateAtEqualLengths({ baseline: 0, difficulty: 1 })).toThrow("needs each instruction's difficulty");
  });
});

const folder = sharedAsset("data/alpaca_eval");

/** Rows of a file of leaderboards by model; none of these files quotes. */
async function readTable(path: string): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const [header, ...lines] = (await readText(path)).trim().split(/\r?\n/);
  const names = header!.split(",");
  return new Map(
    lines.map((line) => {
      const fields = line.split(",");
      return [fields[0]!, new Map(names.map((name, column) => [name, fields[column]!]))];
    }),
  );
}

describe.skipIf(folder === null)("AlpacaEval itself", async () => {
  const published =
    folder === null
      ? new Map()
      : await readTable(`${folder}/leaderboards/weighted_alpaca_eval_gpt4_turbo_leaderboard.csv`);
  const variants = (name: string) => [name, `${name}_concise`, `${name}_verbose`];
  const models = [...variants("alpaca-7b"), ...variants("gpt-3.5-turbo-1106"), "gpt4_gamed", "phi-2-sft", "vicuna-7b"];

  it("has the win rates, errors and counts of nine models on the leaderboard, and a tenth that it leaves out", async () => {
    const above: number[] = [];
    for (const model of [...models, "text_davinci_003"]) {
      const annotations = await readAlpacaEval(`${folder}/dev/${model}.annotations.json.gz`);
      const { lengthControlled, raw } = lengthControlledWinRate({
        preferences: annotations.map(({ preference }) => preference),
        lengths: annotations.map((each) => each.model.length),
        otherLengths: annotations.map(({ baseline }) => baseline.length),
        seed,
        resamples: 1,
      });
      const row = published.get(model);
      if (model === "text_davinci_003") {
        expect(row).toBeUndefined();
        continue;
      }
      const figure = (name: string) => Number(row.get(name));
      expect(raw.winRate).toBeCloseTo(figure("win_rate"), 11);
      expect(raw.standardError).toBeCloseTo(figure("standard_error"), 11);
      expect(raw.discreteWinRate).toBeCloseTo(figure("discrete_win_rate"), 11);
      expect([raw.wins, raw.losses, raw.ties]).toEqual([figure("n_wins"), figure("n_wins_base"), figure("n_draws")]);
      expect(raw.wins + raw.losses + raw.ties).toBe(figure("n_total"));
      above.push(lengthControlled.value! - figure("length_controlled_winrate"));
    }
    // What the public files do not allow: the docstring and the README state these.
    expect(Math.min(...above)).toBeCloseTo(2.7, 1);
    expect(Math.max(...above)).toBeCloseTo(27.1, 1);
  });

  it("has the rates of its coefficients: 199 models, one spread of difficulties", async () => {
    const weights = await readTable(`${folder}/leaderboards/lc_weights_baseline_gpt4_1106_preview.csv`);
    // Each instruction's difficulty is not public: a normal spread, fitted to every third model, stands for them.
    const steps = 400;
    const random = createRandom(seed, "difficulties");
    const normal = Array.from({ length: steps / 2 }, () => random.normal());
    const spread = [...normal, ...normal.map((each) => -each)];
    const size = Math.sqrt(spread.reduce((sum, each) => sum + each * each, 0) / steps);
    const difficulties = spread.map((each) => -0.11875 + (1.575 * each) / size);
    const errors = [...weights].flatMap(([model, row]) => {
      const rate = Number(published.get(model)?.get("length_controlled_winrate") || Number.NaN);
      if (Number.isNaN(rate)) return [];
      const coefficients = {
        baseline: Number(row.get("not_gamed_baseline.astype(float)")),
        difficulty: Number(row.get("instruction_difficulty")),
      };
      return [Math.abs(rateAtEqualLengths(coefficients, difficulties) - rate)];
    });
    expect(errors).toHaveLength(199);
    expect(Math.max(...errors)).toBeLessThan(1.5);
    expect(errors.reduce((a, b) => a + b, 0) / errors.length).toBeLessThan(0.5);
  });
});
