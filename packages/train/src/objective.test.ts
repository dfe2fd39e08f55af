// The objective of a batch: its value from the formulas, its gradient, and what preferences teach the gate.
import { attentionGate } from "@dual-head/gating";
import { randomGateParams, randomTensor } from "@dual-head/gating/testing";
import { blockHead, linearHead, type RewardHead, residualHead } from "@dual-head/heads";
import {
  createRandom,
  type Device,
  leavesOf,
  mapTree,
  type Projection,
  type Tensor,
  valueAndGradAux,
} from "@dual-head/tensor-core";
import { sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { type BatchItem, collate, countBatch } from "./collate.ts";
import { batchObjective, type ObjectiveModel, rewardMargins, type TrainedParams } from "./objective.ts";
import { completeSettings, type TrainingSettings } from "./settings.ts";

const [hiddenSize, vocabSize] = [5, 11];

const heads: readonly RewardHead[] = [
  linearHead(),
  residualHead({ width: 4, bias: true }),
  blockHead({ width: 6, headCount: 2, feedForwardSize: 7, bias: true }),
];

function setup(device: Device, head = heads[0]!) {
  const lmHead: Projection = { kind: "linear", weight: randomTensor(device, 1, [vocabSize, hiddenSize]), bias: null };
  const gate = attentionGate({ hiddenSize, width: 6, headCount: 3 });
  const model: ObjectiveModel = { device, lmHead, head, gate };
  const params: TrainedParams = {
    head: Object.fromEntries(
      Object.entries(head.parameterShapes(hiddenSize, vocabSize)).map(([name, shape], index) => [
        name,
        randomTensor(device, 2 + index, shape),
      ]),
    ),
    gate: randomGateParams(device, gate, 4),
  };
  const random = createRandom(5);
  const rows = (count: number) => Float32Array.from({ length: count * hiddenSize }, () => random.normal());
  const item = (promptLength: number, ...lengths: number[]): BatchItem => ({
    example: {
      prompt: new Uint32Array(promptLength),
      responses: lengths.map((length) => Uint32Array.from({ length }, () => random.integer(vocabSize))),
    },
    rows: { prompt: rows(promptLength), responses: lengths.map((length) => rows(length - 1)) },
  });
  return { model, params, pairs: [item(3, 2, 5), item(1, 4, 1)], supervised: [item(2, 3)] };
}

type Setup = ReturnType<typeof setup>;

function objective({ model, pairs, supervised }: Setup, given: Partial<TrainingSettings>, learnChosen = true) {
  const settings = completeSettings(given);
  const own = learnChosen ? [] : supervised;
  const contextOnPairs = settings.preferenceOn !== "reward" || model.head.readsHistory;
  const batch = collate(pairs, own, { hiddenSize, learnChosen, contextOnPairs });
  const examples = (items: readonly BatchItem[]) => items.map(({ example }) => example);
  return batchObjective(model, settings, batch, countBatch(examples(pairs), examples(own), learnChosen));
}

const scalar = async (tensor: Tensor) => (await tensor.read())[0]!;

/** Settings that change the shape of the computation. */
const variants: readonly (readonly [Partial<TrainingSettings>, boolean])[] = [
  [{}, true],
  [{}, false],
  [{ preferenceOn: "fused" }, true],
  [{ preferenceOn: "fused" }, false],
  [{ mixing: "mixture", reduction: "printed", entropySign: "printed" }, true],
  [{ mixing: "klExact", preferenceOn: "fused" }, true],
  [{ mixing: "klExact", preferenceOn: "fused-over-base" }, false],
];

describe("batchObjective()", () => {
  it("is E13 of E9, E10 and E12, computed in plain numbers from the rows", async () => {
    const device = await sharedDevice("reference");
    const given = setup(device);
    const [w, r, b] = [
      await (given.model.lmHead as { weight: Tensor }).weight.read(),
      await given.params.head.weight!.read(),
      await given.params.head.bias!.read(),
    ];
    const logits = (weight: ArrayLike<number>, h: ArrayLike<number>, bias: ArrayLike<number> | null) =>
      Array.from({ length: vocabSize }, (_, token) => {
        const dot = Array.from({ length: hiddenSize }, (_, k) => weight[token * hiddenSize + k]! * h[k]!);
        return dot.reduce((sum, value) => sum + value, bias === null ? 0 : bias[token]!);
      });
    const nats = (z: readonly number[], token: number) =>
      Math.log(z.reduce((sum, value) => sum + Math.exp(value), 0)) - z[token]!;
    let [lm, entropy, alphaSum, tokenCount, preference] = [0, 0, 0, 0, 0];
    for (const { example, rows } of given.pairs) {
      const rewards = [0, 0];
      for (const [side, response] of example.responses.entries()) {
        const sequence = Float64Array.from([...rows.prompt, ...rows.responses[side]!]);
        const length = sequence.length / hiddenSize;
        const u = await given.model.gate
          .logits(given.params.gate, device.tensor(sequence, [length, hiddenSize]), {
            offsets: Uint32Array.of(0, length),
          })
          .read();
        for (const [index, token] of response.entries()) {
          const row = example.prompt.length - 1 + index;
          const h = sequence.subarray(row * hiddenSize, (row + 1) * hiddenSize);
          const [zLm, zRm] = [logits(w, h, null), logits(r, h, b)];
          rewards[side] = rewards[side]! - nats(zRm, token);
          if (side === 1) continue;
          const alpha = 1 / (1 + Math.exp(-u[row]!));
          lm += nats(
            zLm.map((z, at) => (1 - alpha) * z + alpha * zRm[at]!),
            token,
          );
          entropy -= alpha * Math.log(alpha) + (1 - alpha) * Math.log(1 - alpha);
          alphaSum += alpha;
          tokenCount++;
        }
      }
      preference += Math.log1p(Math.exp(-0.05 * (rewards[0]! - rewards[1]!))) / 2;
    }
    const { value, aux } = objective(given, {})(given.params);
    expect(await scalar(aux.lm)).toBeCloseTo(lm / tokenCount, 9);
    expect(await scalar(aux.entropy)).toBeCloseTo(entropy / tokenCount, 9);
    expect(await scalar(aux.alpha)).toBeCloseTo(alphaSum / tokenCount, 9);
    expect(await scalar(aux.preference)).toBeCloseTo(preference, 9);
    expect(await scalar(value)).toBeCloseTo(lm / tokenCount + preference - (0.01 * entropy) / tokenCount, 9);
    const batch = collate(given.pairs, [], { hiddenSize, learnChosen: false, contextOnPairs: false });
    const margins = await rewardMargins(given.model, given.params.head, batch).read();
    expect([...margins].map((margin) => margin.toFixed(9))).toEqual(
      [...(await aux.margins!.read())].map((margin) => margin.toFixed(9)),
    );
  });

  it.each(heads)(
    "has the gradient of a $kind head that finite differences show in float64, in every variant",
    async (head) => {
      const device = await sharedDevice("reference");
      const given = setup(device, head);
      for (const [settings, learnChosen] of variants) {
        const of = objective(given, settings, learnChosen);
        const { grad } = valueAndGradAux(of)(given.params);
        const random = createRandom(9);
        const directions = new Map(
          leavesOf<Tensor>(given.params).map(({ path, leaf }) => [
            path,
            Array.from({ length: leaf.shape.reduce((a, c) => a * c, 1) }, () => random.normal()),
          ]),
        );
        let analytic = 0;
        const values = new Map<string, ArrayLike<number>>();
        for (const { path, leaf } of leavesOf<Tensor>(grad)) {
          for (const [at, slope] of (await leaf.read()).entries()) analytic += slope * directions.get(path)![at]!;
        }
        for (const { path, leaf } of leavesOf<Tensor>(given.params)) values.set(path, await leaf.read());
        const moved = async (step: number) => {
          const params = mapTree(given.params, (leaf, path) => {
            const shifted = Array.from(values.get(path)!, (value, at) => value + step * directions.get(path)![at]!);
            return device.tensor(shifted, (leaf as Tensor).shape);
          }) as TrainedParams;
          return scalar(of(params).value);
        };
        const numeric = ((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5;
        expect(Math.abs(analytic - numeric)).toBeLessThan(1e-6 * (1 + Math.abs(numeric)));
      }
    },
  );

  for (const name of testDeviceNames) {
    it(`teaches the gate nothing of preferences on "reward", and something on the fusion, on ${name}`, async () => {
      const device = await sharedDevice(name);
      const given = setup(device);
      const gateGradient = async (settings: Partial<TrainingSettings>) => {
        const { grad } = valueAndGradAux(objective(given, settings))(given.params);
        const values: number[] = [];
        for (const { leaf } of leavesOf<Tensor>(grad.gate)) values.push(...(await leaf.read()));
        return values;
      };
      for (const preferenceOn of ["reward", "fused", "fused-over-base"] as const) {
        const without = await gateGradient({ preferenceOn, lambdaReward: 0, betaReward: 1 });
        const withPreferences = await gateGradient({ preferenceOn, lambdaReward: 50, betaReward: 1 });
        const moved = Math.max(...without.map((value, at) => Math.abs(value - withPreferences[at]!)));
        if (preferenceOn === "reward") expect(moved).toBe(0);
        else expect(moved).toBeGreaterThan(1e-2);
      }
    });
  }

  it("has the margins of the head alone, with supervised examples or without, in context or not", async () => {
    const device = await sharedDevice("reference");
    for (const head of heads) {
      const given = setup(device, head);
      const collated = (contextOnPairs: boolean) =>
        collate(given.pairs, [], { hiddenSize, learnChosen: false, contextOnPairs });
      const margins = async (contextOnPairs: boolean) => [
        ...(await rewardMargins(given.model, given.params.head, collated(contextOnPairs)).read()),
      ];
      // Supervised examples have labels of their own, before those of pairs.
      for (const learnChosen of [true, false]) {
        const { aux } = objective(given, { preferenceOn: "reward" }, learnChosen)(given.params);
        const own = [...(await aux.margins!.read())];
        for (const context of head.readsHistory ? [true] : [true, false]) {
          for (const [pair, margin] of (await margins(context)).entries()) expect(margin).toBeCloseTo(own[pair]!, 9);
        }
      }
    }
  });

  it("over the base, margins are those of the fusion less those of the language-model head", async () => {
    const device = await sharedDevice("reference");
    const given = setup(device);
    const margins = async (settings: Partial<TrainingSettings>) =>
      (await objective(given, settings)(given.params).aux.margins!.read()) as ArrayLike<number>;
    const [over, fused] = [
      await margins({ preferenceOn: "fused-over-base" }),
      await margins({ preferenceOn: "fused" }),
    ];
    const lmHead = { weight: (given.model.lmHead as { weight: Tensor }).weight, bias: null };
    const batch = collate(given.pairs, [], { hiddenSize, learnChosen: false, contextOnPairs: false });
    const base = await rewardMargins(given.model, lmHead, batch).read();
    for (const pair of given.pairs.keys()) expect(over[pair]).toBeCloseTo(fused[pair]! - base[pair]!, 9);
  });

  it("sums over tokens as printed make the entropy term small beside E10: the reason of the default", async () => {
    const device = await sharedDevice("reference");
    const given = setup(device);
    const lm = async (reduction: "token-mean" | "printed") =>
      scalar(objective(given, { reduction })(given.params).aux.lm);
    // 6 chosen tokens in 2 sequences.
    expect(await lm("printed")).toBeCloseTo(3 * (await lm("token-mean")), 9);
  });
});
