// Length-controlled rates beside scikit-learn's, which AlpacaEval fits with: coefficients, rates and the chosen C.
import { readAlpacaEval } from "@dual-head/data";
import { sharedAsset } from "@dual-head/repo-tools";
import { describe, expect, it } from "vitest";
import { lengthControlledWinRate } from "./length-control.ts";

// scikit-learn 1.9.1: LogisticRegressionCV over GroupKFold(5), penalty l1, solver liblinear, no intercept, tol 1e-8, rows
// duplicated with labels 1 and 0 as AlpacaEval does; without difficulties and annotations of the baseline's variants.
const golden = [
  ["alpaca-7b", 19.610601662475432, 4.257007187659527, 2.782559402207126],
  ["alpaca-7b_concise", 12.30015494663937, 3.1197534941949554, 0.3593813663804626],
  ["alpaca-7b_verbose", 9.72344835334635, 2.447413666061768, 2.782559402207126],
  ["gpt-3.5-turbo-1106", 37.80297782250309, 2.8665827002834807, 10000],
  ["gpt-3.5-turbo-1106_concise", 38.393176754062914, 3.3388439603485396, 2.782559402207126],
  ["gpt-3.5-turbo-1106_verbose", 35.83070434295971, 2.426583581587383, 2.782559402207126],
  ["gpt4_gamed", 39.25406702666077, 14.00565933681512, 2.782559402207126],
  ["phi-2-sft", 8.54139750361857, 1.7096897393261279, 2.782559402207126],
  ["text_davinci_003", 10.121240574544538, 2.510047041575076, 0.3593813663804626],
  ["vicuna-7b", 9.306871034910163, 1.9181144446096794, 2.782559402207126],
] as const;

const folder = sharedAsset("data/alpaca_eval");

describe.skipIf(folder === null)("lengthControlledWinRate() and scikit-learn", () => {
  it("agree on ten models: the same C, rates within 1e-5 points", async () => {
    for (const [model, rate, length, cost] of golden) {
      const annotations = await readAlpacaEval(`${folder}/dev/${model}.annotations.json.gz`);
      const fitted = lengthControlledWinRate({
        preferences: annotations.map(({ preference }) => preference),
        lengths: annotations.map((each) => each.model.length),
        otherLengths: annotations.map(({ baseline }) => baseline.length),
        seed: 1,
        resamples: 1,
      });
      expect(Math.abs(fitted.lengthControlled.value! - rate)).toBeLessThan(1e-5);
      expect(fitted.coefficients.length / length).toBeCloseTo(1, 5);
      expect(fitted.cost / cost).toBeCloseTo(1, 9);
    }
  });
});
