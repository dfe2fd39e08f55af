// Tuning of a tiny model: what an objective sees, learning by every objective and every choice of what is trained, resuming
// to the last bit, and what is refused.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attachDeltas, initialiseDeltas, type LlamaParams } from "@dual-head/backbone-llama";
import { tinyLlama, tinyLlamaConfig } from "@dual-head/backbone-llama/testing";
import { type Device, leavesOf, mapTree, segmentsOf, sizeOf, type Tensor } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  armObjective,
  bradleyTerryObjective,
  dpoObjective,
  freeTree,
  frozenModel,
  initialScore,
  metricsFileName,
  type PairObjective,
  prepareData,
  simpoObjective,
  type Trainable,
  type TuneEvent,
  type TuneOptions,
  tune,
  wholeModel,
  withScore,
} from "../index.ts";
import { letterPairs, letterTokenizer } from "../testing/tiny-run.ts";

let root = "";
let folderCount = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-tune-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
const newFolder = () => join(root, `run-${folderCount++}`);

const arm = armObjective({ beta: 0.5 });
const dpo = dpoObjective({ beta: 0.5, labelSmoothing: 0.05 });
const simpo = simpoObjective({ beta: 2, gammaRatio: 0.3 });
const bradleyTerry = bradleyTerryObjective({ margin: 0, centre: 0.01 });

const dataOf = (count: number) =>
  prepareData(letterTokenizer(tinyLlamaConfig.vocabSize), letterPairs(count, 11), null, {
    maxTokens: tinyLlamaConfig.maxTokens,
    heldOut: 0.25,
    seed: 7,
  });

async function optionsOf<Trained>(
  device: Device,
  trainable: Trainable<LlamaParams, Trained>,
  objective: PairObjective,
  backbone: TuneOptions<LlamaParams, Trained>["backbone"],
): Promise<TuneOptions<LlamaParams, Trained>> {
  const { pairs, heldOut } = await dataOf(61);
  const settings = { batchSize: 9, epochs: 4, learningRate: 0.01, microBatchTokens: 150, seed: 7 };
  return { device, backbone, trainable, objective, pairs, heldOut, folder: null, settings, checkpointInterval: 3 };
}

async function runToEnd<Trained>(options: TuneOptions<LlamaParams, Trained>) {
  const events: TuneEvent<Trained>[] = [];
  for await (const event of tune(options)) events.push(event);
  const end = events.at(-1)!;
  if (end.kind !== "end") throw new Error("a run ended without its end");
  return { ...end, events, steps: events.flatMap((event) => (event.kind === "step" ? [event] : [])) };
}

const valuesOf = async (tree: unknown) => {
  const values: number[] = [];
  for (const { leaf } of leavesOf<Tensor>(tree)) values.push(...(await leaf.read()));
  return values;
};

describe("tune()", () => {
  describe.each(["cpu", "reference"] as const)("on %s", (name) => {
    it.each([
      ["arm", arm],
      ["dpo", dpo],
      ["simpo", simpo],
    ])("trains all parameters by %s, and leaves the given model and no memory behind", async (_, objective) => {
      const device = await sharedDevice(name);
      using model = tinyLlama(device, 3);
      const before = await valuesOf(model.params);
      const buffers = device.stats.liveBuffers;
      const options = await optionsOf(device, wholeModel(model.params), objective, model.backbone);
      const { summary, trained, steps } = await runToEnd(options);
      expect(await valuesOf(model.params)).toEqual(before);
      expect(summary.trainable).toBe(before.length);
      expect(summary.heldOut!.accuracy).toBeGreaterThan(0.8);
      expect(summary.heldOut!.accuracy).toBeGreaterThan(summary.heldOut!.untrained);
      expect(summary.heldOutLoss!.trained).toBeLessThan(summary.heldOutLoss!.untrained);
      expect(summary.trainLoss).toBeLessThan(summary.trainLossAtStart);
      expect(steps.map(({ step }) => step)).toEqual(steps.map((_step, index) => index + 1));
      freeTree(trained);
      expect(device.stats.liveBuffers).toBe(buffers);
    });

    it("trains low-rank changes beside frozen weights, a score on frozen weights, and a score with all", async () => {
      const device = await sharedDevice(name);
      using model = tinyLlama(device, 3);
      const { params, backbone } = model;
      const before = await valuesOf(params);
      const deltas = initialiseDeltas(tinyLlamaConfig, device, { rank: 3 }, 5);
      const weight = initialScore(device, tinyLlamaConfig.hiddenSize, 5);
      const score = { weight, padTokenId: 2 };
      const buffers = device.stats.liveBuffers;
      const lora = {
        initial: deltas,
        assemble: (own: typeof deltas) => ({ params: attachDeltas(params, own), score: null }),
      };
      const runs = [
        await runToEnd(await optionsOf(device, lora, arm, backbone)),
        await runToEnd(await optionsOf(device, withScore(frozenModel(params), score), bradleyTerry, backbone)),
        await runToEnd(await optionsOf(device, withScore(wholeModel(params), score), bradleyTerry, backbone)),
      ];
      const sizes = [deltas, weight, [params, weight]].map((tree) =>
        leavesOf<Tensor>(tree).reduce((sum, { leaf }) => sum + leaf.shape.reduce((a, b) => a * b, 1), 0),
      );
      for (const [index, { summary, trained }] of runs.entries()) {
        expect(summary.heldOutLoss!.trained).toBeLessThan(summary.heldOutLoss!.untrained);
        expect(summary.trainable).toBe(sizes[index]);
        freeTree(trained);
      }
      expect(runs[2]!.summary.heldOut!.accuracy).toBeGreaterThan(0.8);
      expect(await valuesOf(params)).toEqual(before);
      expect(device.stats.liveBuffers).toBe(buffers);
      freeTree([deltas, weight]);
    });
  });

  it("compares sums of log-probabilities of response tokens alone, as plain softmaxes give them", async () => {
    const device = await sharedDevice("reference");
    using model = tinyLlama(device, 3);
    const { backbone, params } = model;
    const options = await optionsOf(device, wholeModel(params), armObjective({ beta: 1 }), backbone);
    const logp = async (prompt: Uint32Array, response: Uint32Array) => {
      const tokens = Uint32Array.from([...prompt, ...response]);
      using hidden = backbone.hidden(params, tokens, segmentsOf([tokens.length]));
      const { weight } = backbone.lmHead(params) as { weight: Tensor };
      const [rows, matrix] = [[...(await hidden.read())], [...(await weight.read())]];
      const { hiddenSize, vocabSize } = backbone.config;
      let sum = 0;
      for (const [index, token] of response.entries()) {
        const row = rows.slice((prompt.length + index - 1) * hiddenSize, (prompt.length + index) * hiddenSize);
        const logits = Array.from({ length: vocabSize }, (_, v) =>
          row.reduce((dot, h, d) => dot + h * matrix[v * hiddenSize + d]!, 0),
        );
        sum += logits[token]! - Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0));
      }
      return sum;
    };
    const margins: number[] = [];
    for (const { prompt, responses } of options.heldOut!) {
      margins.push((await logp(prompt, responses[0]!)) - (await logp(prompt, responses[1]!)));
    }
    const { summary, trained } = await runToEnd({ ...options, settings: { ...options.settings, epochs: 1 } });
    freeTree(trained);
    const loss = margins.reduce((sum, margin) => sum + Math.log1p(Math.exp(-margin)), 0) / margins.length;
    expect(summary.heldOutLoss!.untrained).toBeCloseTo(loss, 9);
    const wins = margins.filter((margin) => margin > 0).length;
    expect(summary.heldOut!.untrained).toBeCloseTo(wins / margins.length, 12);
  });

  it("starts DPO at ln 2 with every pair a tie, since the reference is the model before training", async () => {
    const device = await sharedDevice("cpu");
    using model = tinyLlama(device, 3);
    const options = await optionsOf(device, wholeModel(model.params), dpo, model.backbone);
    const { summary, steps, trained, events } = await runToEnd(options);
    freeTree(trained);
    expect(summary.heldOut!.untrained).toBe(0.5);
    expect(summary.heldOutLoss!.untrained).toBeCloseTo(Math.LN2, 6);
    expect(steps[0]!.loss).toBeCloseTo(Math.LN2, 5);
    const references = events.filter(({ kind }) => kind === "reference");
    expect(references.at(-1)).toMatchObject({ done: options.pairs.length + options.heldOut!.length });
    expect(events.findIndex(({ kind }) => kind === "step")).toBe(references.length);
  });

  it("does not depend on how a batch is cut, up to rounding", async () => {
    const device = await sharedDevice("reference");
    using model = tinyLlama(device, 3);
    const options = await optionsOf(device, wholeModel(model.params), dpo, model.backbone);
    const outcomes: number[][] = [];
    for (const microBatchTokens of [1, 100_000]) {
      const { trained } = await runToEnd({ ...options, settings: { ...options.settings, microBatchTokens } });
      outcomes.push(await valuesOf(trained));
      freeTree(trained);
    }
    for (const [at, value] of outcomes[0]!.entries()) expect(outcomes[1]![at]).toBeCloseTo(value, 6);
  });

  it("stopped or left at any step and resumed, ends with the bits of a run left alone on cpu", async () => {
    const device = await sharedDevice("cpu");
    using model = tinyLlama(device, 3);
    const options = await optionsOf(device, wholeModel(model.params), dpo, model.backbone);
    const buffers = device.stats.liveBuffers;
    const finish = async (folder: string) => {
      const { trained } = await runToEnd({ ...options, folder, resume: true });
      const values = await valuesOf(trained);
      freeTree(trained);
      const metrics = await readFile(join(folder, metricsFileName), "utf8");
      return { values, losses: metrics.match(/"step":\d+|"loss":[^,]+/g) };
    };
    const whole = await finish(newFolder());
    for (const stop of [1, 3, 5, 20]) {
      for (const how of ["abort", "leave"] as const) {
        const folder = newFolder();
        const controller = new AbortController();
        const interrupted = async () => {
          for await (const event of tune({ ...options, folder, signal: controller.signal })) {
            if (event.kind !== "step" || event.step !== stop) continue;
            if (how === "leave") return;
            controller.abort(new Error("stopped"));
          }
        };
        if (how === "abort") await expect(interrupted()).rejects.toThrow("stopped");
        else await interrupted();
        expect(await finish(folder)).toEqual(whole);
      }
    }
    expect(device.stats.liveBuffers).toBe(buffers);
  });

  it("saves what is trained at checkpoints and with its figures at the end", async () => {
    const device = await sharedDevice("cpu");
    using model = tinyLlama(device, 3);
    const options = await optionsOf(device, wholeModel(model.params), arm, model.backbone);
    const saved: string[] = [];
    const folder = newFolder();
    const { summary, trained } = await runToEnd({
      ...options,
      folder,
      checkpointInterval: 10,
      save: async (own, { step, stepCount, heldOut }) => {
        saved.push(`${step} of ${stepCount}, ${leavesOf(own).length > 0}, ${heldOut === null ? "" : heldOut.pairs}`);
      },
    });
    freeTree(trained);
    const { steps, heldOut } = summary;
    expect(saved).toEqual([`10 of ${steps}, true, `, `${steps} of ${steps}, true, ${heldOut!.pairs}`]);
    expect((await readdir(folder)).sort()).toEqual([metricsFileName, "training-state.safetensors"]);
  });

  it("refuses what cannot be, another run's folder, and numbers that are none", async () => {
    const device = await sharedDevice("cpu");
    using model = tinyLlama(device, 3);
    const options = await optionsOf(device, wholeModel(model.params), arm, model.backbone);
    const last = leavesOf<Tensor>(model.params).at(-1)!;
    using otherLeaf = device.keep(device.tensor(new Float32Array(sizeOf(last.leaf.shape)).fill(0.1), last.leaf.shape));
    const buffers = device.stats.liveBuffers;
    const folder = newFolder();
    const first = tune({ ...options, folder, checkpointInterval: 1 });
    for await (const event of first) if (event.kind === "checkpoint") break;
    await expect(runToEnd({ ...options, folder })).rejects.toThrow("resume that run or choose another folder");
    for (const other of [
      { objective: dpo },
      { settings: { ...options.settings, seed: 9 } },
      { pairs: options.pairs.slice(1) },
      {
        trainable: wholeModel(
          mapTree(model.params, (leaf, path) => (path === last.path ? otherLeaf : leaf)) as LlamaParams,
        ),
      },
      { modelSha256: "of the files" },
    ]) {
      const mismatch = { ...options, ...other, folder, resume: true };
      await expect(runToEnd(mismatch)).rejects.toMatchObject({ fault: "resume-mismatch" });
    }
    await expect(runToEnd({ ...options, pairs: [] })).rejects.toMatchObject({ fault: "empty-data" });
    await expect(runToEnd({ ...options, objective: bradleyTerry })).rejects.toThrow("no score head");
    const nothing = await optionsOf(device, frozenModel(model.params), arm, model.backbone);
    await expect(runToEnd(nothing)).rejects.toThrow("nothing is trained");
    const long = { prompt: new Uint32Array(99).fill(3), responses: [Uint32Array.of(4), Uint32Array.of(5)] };
    await expect(runToEnd({ ...options, heldOut: [long] })).rejects.toThrow("prompt of 99 tokens");
    for (const [settings, message] of [
      [{ batchSize: 0 }, "batchSize is 0"],
      [{ learningRate: Number.NaN }, "learningRate is NaN"],
      [{ beta1: 1 }, "beta1 is 1"],
    ] as const) {
      await expect(runToEnd({ ...options, settings })).rejects.toThrow(message);
    }
    const wild = { ...options, settings: { ...options.settings, learningRate: 1e30 } };
    await expect(runToEnd(wild)).rejects.toMatchObject({ fault: "not-finite" });
    expect(device.stats.liveBuffers).toBe(buffers);
  });
});
