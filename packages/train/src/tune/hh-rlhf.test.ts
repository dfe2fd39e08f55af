// Tuning on real data by every objective: a trained LLaMA of 260K parameters and human preferences. Skipped where the
// assets are absent.
import { loadLlama } from "@dual-head/backbone-llama";
import { readPreferences } from "@dual-head/data";
import { sharedAsset } from "@dual-head/repo-tools";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { loadTokenizer } from "@dual-head/tokenizer";
import { describe, expect, it } from "vitest";
import {
  armObjective,
  bradleyTerryObjective,
  dpoObjective,
  freeTree,
  initialScore,
  type PairObjective,
  prepareData,
  simpoObjective,
  type Trainable,
  type TuneSummary,
  tune,
  wholeModel,
  withScore,
} from "../index.ts";

const model = sharedAsset("models/stories260K/hf");
const file = sharedAsset("data/hh-rlhf/harmless-base.test.jsonl.gz");

const objectives: readonly PairObjective[] = [
  armObjective({ beta: 0.05 }),
  dpoObjective({ beta: 0.1, labelSmoothing: 0 }),
  simpoObjective({ beta: 2, gammaRatio: 0.5 }),
  bradleyTerryObjective({ margin: 0, centre: 0.01 }),
];

describe.skipIf(model === null || file === null)("tune() on HH-RLHF with stories260K", () => {
  it.each(objectives.map((objective) => [objective.config.kind, objective] as const))(
    "lowers the loss of %s",
    async (_, objective) => {
      const device = await sharedDevice("cpu");
      using llama = await loadLlama(model!, device);
      const { backbone, params } = llama;
      const { pairs } = await readPreferences(file!);
      const options = { maxTokens: 96, heldOut: 0.3, seed: 1 };
      const data = await prepareData(await loadTokenizer(model!), pairs.slice(0, 400), null, options);
      // A step sees all of them, so that losses of steps differ by what was learnt alone.
      const some = { pairs: data.pairs.slice(0, 16), heldOut: data.heldOut.slice(0, 16) };
      expect([some.pairs.length, some.heldOut.length]).toEqual([16, 16]);
      const settings = { batchSize: 16, epochs: 3, learningRate: 5e-4, warmupFraction: 0 };
      const run = async <Trained>(trainable: Trainable<typeof params, Trained>): Promise<TuneSummary> => {
        for await (const event of tune({ device, backbone, trainable, objective, ...some, folder: null, settings })) {
          if (event.kind !== "end") continue;
          freeTree(event.trained);
          return event.summary;
        }
        throw new Error("a run ended without its end");
      };
      using weight = initialScore(device, llama.config.hiddenSize, 1);
      const { trainLoss, trainLossAtStart, heldOut } =
        objective.reads === "texts"
          ? await run(withScore(wholeModel(params), { weight, padTokenId: 2 }))
          : await run(wholeModel(params));
      expect(trainLoss).toBeLessThan(trainLossAtStart);
      expect(heldOut!.low).toBeLessThan(heldOut!.accuracy);
      if (objective.needsReference) expect(heldOut!.untrained).toBe(0.5);
    },
  );
});
