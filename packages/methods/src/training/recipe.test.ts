// Recipes of the peers: the numbers of their authors, and that a short run of each learns.
import { attachDeltas, initialiseDeltas, type LlamaParams, scaleDeltas } from "@dual-head/backbone-llama";
import { tinyLlama, tinyLlamaConfig } from "@dual-head/backbone-llama/testing";
import { createRandom, type Device } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import {
  freeTree,
  initialScore,
  type Trainable,
  type TuneSettings,
  type TuneSummary,
  tune,
  wholeModel,
  withScore,
} from "@dual-head/train";
import { describe, expect, it } from "vitest";
import {
  bradleyTerryRecipe,
  dpoRecipe,
  genArmRecipe,
  recipeSettings,
  simpoRecipe,
  type TrainedPart,
  type TrainingRecipe,
} from "../index.ts";

const recipes: readonly TrainingRecipe[] = [genArmRecipe, dpoRecipe, simpoRecipe, bradleyTerryRecipe];

/** Pairs of random tokens whose chosen response ends in 7 and whose rejected one ends in 9, beside others of the like. */
function pairsOf(count: number, seed: number) {
  const random = createRandom(seed, "pairs");
  const draw = (length: number) => Array.from({ length }, () => 3 + random.integer(tinyLlamaConfig.vocabSize - 3));
  return Array.from({ length: count }, () => ({
    prompt: Uint32Array.from([1, ...draw(2 + random.integer(4))]),
    responses: [7, 9].map((token) => Uint32Array.from([...draw(1 + random.integer(3)), token, token, 2])),
  }));
}

async function runToEnd<Trained>(
  device: Device,
  backbone: ReturnType<typeof tinyLlama>["backbone"],
  trainable: Trainable<LlamaParams, Trained>,
  recipe: TrainingRecipe,
  settings: Partial<TuneSettings>,
): Promise<TuneSummary> {
  const [pairs, heldOut] = [pairsOf(60, 1), pairsOf(30, 2)];
  const objective = recipe.objective();
  for await (const event of tune({ device, backbone, trainable, objective, pairs, heldOut, folder: null, settings })) {
    if (event.kind !== "end") continue;
    freeTree(event.trained);
    return event.summary;
  }
  throw new Error("a run ended without its end");
}

describe("recipes", () => {
  it.each(recipes.map((recipe) => [recipe.method, recipe] as const))(
    "%s learns in a short run, of every part it can train",
    async (_, recipe) => {
      const device = await sharedDevice("cpu");
      using model = tinyLlama(device, 3);
      const { params, backbone, config } = model;
      const score = { weight: initialScore(device, config.hiddenSize, 5), padTokenId: 2 };
      const { rank, alpha, targets } = recipe.lora ?? { rank: 2, alpha: 4, targets: [] };
      const deltas = initialiseDeltas(config, device, { rank, targets }, 5);
      const lora = {
        initial: deltas,
        assemble: (own: typeof deltas) => ({
          params: attachDeltas(params, scaleDeltas(own, alpha / rank)),
          score: null,
        }),
      };
      // Small steps in number, large ones in length: the rates of the recipes are for thousands.
      const settings = { ...recipe.settings, epochs: 6, batchSize: 10 };
      const runs: TuneSummary[] =
        recipe.trains === "scored"
          ? [
              await runToEnd(device, backbone, withScore(wholeModel(params), score), recipe, {
                ...settings,
                learningRate: 3e-3,
              }),
            ]
          : [
              await runToEnd(device, backbone, wholeModel(params), recipe, { ...settings, learningRate: 3e-3 }),
              await runToEnd(device, backbone, lora, recipe, { ...settings, learningRate: 3e-2 }),
            ];
      for (const { heldOutLoss, heldOut, trainLoss, trainLossAtStart } of runs) {
        expect(trainLoss).toBeLessThan(trainLossAtStart);
        expect(heldOutLoss!.trained).toBeLessThan(heldOutLoss!.untrained);
        expect(heldOut!.accuracy).toBeGreaterThan(0.8);
      }
      freeTree([deltas, score.weight]);
    },
  );

  it("have options whose defaults the objective takes, and settings with a rate for every size", () => {
    for (const recipe of recipes) {
      const { kind, ...numbers } = recipe.objective().config;
      expect(kind).toBe(recipe.method === "genarm" ? "arm" : recipe.method);
      expect(numbers).toEqual(recipe.options);
      const [name] = Object.keys(recipe.options);
      expect(recipe.objective({ [name!]: 0.25 }).config[name!]).toBe(0.25);
      for (const part of [recipe.trains, ...(recipe.lora === null ? [] : ["lora" as TrainedPart])]) {
        const settings = recipeSettings(recipe, 4096, part);
        expect(settings.learningRate).toBe(part === "lora" ? 5e-4 : recipe.learningRate);
        expect(settings).toMatchObject(recipe.settings);
      }
      expect(recipeSettings(recipe, 64, "whole").learningRate).toBeCloseTo(64 * recipe.learningRate, 12);
    }
  });
});
