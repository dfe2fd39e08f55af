// The optimiser against AdamW in plain numbers, its resume, and what a step of training gives it: the clipped gradient.
import { attentionGate } from "@dual-head/gating";
import { linearHead } from "@dual-head/heads";
import { createRandom, type Device, type Tensor } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { createOptimiser, type Optimiser } from "./optimiser.ts";
import type { ExampleRows } from "./rows.ts";
import { completeSettings, type TrainingSettings } from "./settings.ts";
import { runStep } from "./step.ts";
import { storeTree } from "./stored-tensors.ts";
import type { TokenisedExample } from "./tokenise.ts";

const constants = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };

describe("createOptimiser()", () => {
  const start = [0.5, -2, 3];
  const gradients = [
    [1, -0.2, 0],
    [0.3, 4, -1],
    [-2, 0.1, 0.7],
  ];
  const [scale, learningRate] = [0.3, 0.01];

  /** AdamW with decoupled decay, as its authors write it. */
  function expected(decay: number): number[] {
    return start.map((initial, at) => {
      let [value, m, v] = [initial, 0, 0];
      for (const [index, gradient] of gradients.entries()) {
        const g = gradient[at]! * scale;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        const [mHat, vHat] = [m / (1 - 0.9 ** (index + 1)), v / (1 - 0.999 ** (index + 1))];
        value -= learningRate * (mHat / (Math.sqrt(vHat) + 1e-8) + decay * value);
      }
      return value;
    });
  }

  it("is AdamW with both bias corrections and decay of matrices only, and goes on alike from its moments", async () => {
    const device = await sharedDevice("reference");
    for (const [stop, shape, decay] of [0, 1, 2].flatMap((each) => [
      [each, [3, 1], constants.weightDecay] as const,
      [each, [3], 0] as const,
    ])) {
      const tensor = (values: ArrayLike<number>) => device.tensor(Float64Array.from(values), shape);
      let optimiser = createOptimiser(device, { x: tensor(start) }, constants);
      for (const [index, gradient] of gradients.entries()) {
        if (index === stop && stop > 0) {
          const held = optimiser.states.get("x")!;
          const [x, m, v] = [await held.parameter.read(), await held.m.read(), await held.v.read()];
          optimiser[Symbol.dispose]();
          const moments = new Map([["x", { m: tensor(m), v: tensor(v) }]]);
          optimiser = createOptimiser(device, { x: tensor(x) }, constants, { stepCount: index, moments });
        }
        optimiser.step({ x: tensor(gradient) }, scale, learningRate);
      }
      for (const [at, value] of (await optimiser.params.x.read()).entries()) {
        expect(value).toBeCloseTo(expected(decay)[at]!, 12);
      }
      expect(optimiser.stepCount).toBe(3);
      optimiser[Symbol.dispose]();
    }
  });
});

describe("runStep()", () => {
  const [hiddenSize, vocabSize] = [3, 7];
  const random = createRandom(2);
  const rowsOf = (count: number) => Float32Array.from({ length: count * hiddenSize }, () => 3 * random.normal());
  const sizes = [
    [2, 1, 4],
    [3, 5, 2],
    [1, 2, 2],
    [2, 3],
    [4, 1],
  ];
  const examples = sizes.map(
    ([prompt, ...responses]): TokenisedExample => ({
      prompt: new Uint32Array(prompt!),
      responses: responses.map((length) => Uint32Array.from({ length }, () => random.integer(vocabSize))),
    }),
  );
  const rows = examples.map(
    ({ prompt, responses }): ExampleRows => ({
      prompt: rowsOf(prompt.length),
      responses: responses.map((response) => rowsOf(response.length - 1)),
    }),
  );

  async function step(device: Device, given: Partial<TrainingSettings>) {
    const weight = Float64Array.from({ length: vocabSize * hiddenSize }, (_, at) => Math.sin(at));
    const lmHead = { kind: "linear", weight: device.tensor(weight, [vocabSize, hiddenSize]), bias: null } as const;
    // At an alpha of one half the entropy has no slope.
    const [head, gate] = [linearHead(), attentionGate({ hiddenSize, width: 4, headCount: 2, initialAlpha: 0.2 })];
    const settings = completeSettings(given);
    const params = { head: head.init(device, 1, lmHead), gate: gate.init(device, 1) };
    using optimiser = createOptimiser(device, params, constants);
    const features = { read: async (of: readonly number[]) => of.map((at) => rows[at]!), close: async () => {} };
    const { figures } = await runStep(
      { model: { device, lmHead, head, gate }, settings, examples, learnChosen: false, features, hiddenSize },
      optimiser,
      { pairs: [0, 1, 2], supervised: [3, 4] },
      1e-3,
    );
    return { figures, moments: await momentsOf(optimiser) };
  }

  /** First moments after one step: (1 − β₁) times the gradient that the optimiser was given. */
  async function momentsOf<Params>({ states }: Optimiser<Params>): Promise<number[]> {
    const values: number[] = [];
    for (const { m } of states.values()) values.push(...(await m.read()));
    return values;
  }

  it("gives the optimiser the gradient of the whole batch, cut down to the largest norm where it is longer", async () => {
    const device = await sharedDevice("reference");
    const given = { lambdaGate: 3, microBatchTokens: 1000 };
    const free = await step(device, { ...given, clipNorm: 1e9 });
    expect(Math.hypot(...free.moments)).toBeCloseTo(0.1 * free.figures.gradNorm, 12);
    const half = free.figures.gradNorm / 2;
    const clipped = await step(device, { ...given, clipNorm: half });
    expect(clipped.figures.gradNorm).toBeCloseTo(free.figures.gradNorm, 12);
    expect(Math.hypot(...clipped.moments)).toBeCloseTo(0.1 * half, 12);
  });

  it("gives it the same gradient however the batch is cut", async () => {
    const device = await sharedDevice("reference");
    for (const more of [{}, { reduction: "printed" }, { preferenceOn: "fused" }] as const) {
      const given = { ...more, lambdaGate: 3, clipNorm: 1e9 };
      const whole = await step(device, { ...given, microBatchTokens: 1000 });
      for (const microBatchTokens of [1, 11]) {
        const pieces = await step(device, { ...given, microBatchTokens });
        for (const [at, moment] of whole.moments.entries()) expect(pieces.moments[at]).toBeCloseTo(moment, 12);
      }
    }
  });
});

describe("storeTree()", () => {
  it("refuses numbers that are not finite, so that they overwrite nothing", async () => {
    const device = await sharedDevice("cpu");
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      using bad: Tensor = device.tensor([1, value], [2]);
      await expect(storeTree("head", { weight: bad })).rejects.toMatchObject({ fault: "not-finite" });
    }
  });
});
