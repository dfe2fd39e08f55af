// Base and dual-head keep the laws of a policy on every device and in every mode; controls do what they say, to the
// last bit where that is promised; nothing leaks.
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import {
  attentionGate,
  constantGate,
  type Gate,
  type GateParams,
  type MixingMode,
  mixingModes,
} from "@dual-head/gating";
import { blockHead, type HeadParams, linearHead, type RewardHead, residualHead } from "@dual-head/heads";
import { type Controls, type DecodePolicy, logProbability } from "@dual-head/sampler";
import { decodePolicyLaws } from "@dual-head/sampler/testing";
import { createRandom, type Device, type Tensor } from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { createBasePolicy } from "../base/base-policy.ts";
import { createDualHeadPolicy } from "./dual-head-policy.ts";
import type { PolicyHead } from "./policy-head.ts";

const slotCount = 5;
const capacity = 29;

/** A tiny backbone with three heads: a matrix and a block behind attention gates, and a residual one at constant α. */
interface Bench {
  readonly device: Device;
  readonly heads: readonly [PolicyHead, PolicyHead, PolicyHead];
  base(): DecodePolicy;
  dualHead(mixing: MixingMode, heads?: readonly PolicyHead[]): DecodePolicy;
}

const benches = new Map<string, Promise<Bench>>();

function openBench(name: (typeof testDeviceNames)[number]): Promise<Bench> {
  const bench = benches.get(name) ?? sharedDevice(name).then(createBench);
  benches.set(name, bench);
  return bench;
}

function createBench(device: Device): Bench {
  const { backbone, params } = tinyLlama(device, 7, { layerCount: 1, tiedEmbeddings: true });
  const { hiddenSize } = backbone.config;
  const lmHead = backbone.lmHead(params);
  const random = (label: string, shape: readonly number[], deviation: number): Tensor => {
    const stream = createRandom(3, label);
    const size = shape.reduce((product, extent) => product * extent, 1);
    return device.tensor(
      Float64Array.from({ length: size }, () => deviation * stream.normal()),
      shape,
    );
  };
  const linear = linearHead({ initialise: "random", bias: true });
  const block = blockHead({ width: 6, headCount: 2, feedForwardSize: 5 });
  const residual = residualHead({ width: 5 });
  const gate = attentionGate({ hiddenSize, width: 6, headCount: 2, initialAlpha: 0.4 });
  const gated = (label: string): GateParams => ({
    ...gate.init(device, 5),
    weight: random(`${label} weight`, [1, hiddenSize], 0.5),
  });
  const head = (name: string, own: RewardHead, params: HeadParams, each: Gate, gateParams: GateParams): PolicyHead => ({
    name,
    projection: own.projection(params, lmHead),
    encoding: own.encoding(params),
    gate: each,
    gateParams,
  });
  const matrix = { weight: random("weight", [23, hiddenSize], 0.6), bias: random("bias", [23, 1], 0.5) };
  const blockParams = {
    ...block.init(device, 9, lmHead),
    output: random("output", [hiddenSize, 6], 0.6),
    down: random("down", [hiddenSize, 5], 0.6),
  };
  const residualParams = { ...residual.init(device, 11, lmHead), b: random("out", [hiddenSize, 5], 0.6) };
  const heads = [
    head("head 0", linear, matrix, gate, gated("first")),
    head("head 1", block, blockParams, gate, gated("second")),
    head("head 2", residual, residualParams, constantGate({ alpha: 0.3 }), {}),
  ] as const;
  const common = { backbone, params, device, slotCount, capacity };
  return {
    device,
    heads,
    base: () => createBasePolicy(common),
    dualHead: (mixing, own = heads.slice(0, 2)) => createDualHeadPolicy({ ...common, mixing, heads: own }),
  };
}

/** Logits and α after each of the tokens, fed one at a time, of several sequences in one batch. */
async function trace(policy: DecodePolicy, tokens: readonly number[], controls: readonly Controls[]) {
  const sequences = controls.map((each) => policy.open(each));
  const logits: number[][] = sequences.map(() => []);
  const alpha: (number | null)[][] = sequences.map(() => []);
  for (const token of tokens) {
    const steps = await policy.advance(sequences.map((sequence) => ({ sequence, tokens: [token] })));
    for (const [index, step] of steps.entries()) {
      logits[index]!.push(...(await step.logits()));
      alpha[index]!.push(step.alpha);
    }
  }
  for (const sequence of sequences) policy.close(sequence);
  return { logits, alpha };
}

const tokens = [3, 17, 0, 22, 11];

for (const name of testDeviceNames) {
  const tolerance = name === "reference" ? 1e-11 : 2e-4;
  decodePolicyLaws(`base on ${name}`, async () => (await openBench(name)).base(), { tolerance, controls: null });
  for (const mode of mixingModes) {
    decodePolicyLaws(`dual-head in mode ${mode} on ${name}`, async () => (await openBench(name)).dualHead(mode), {
      tolerance,
      controls: [
        { strength: 0.5, weights: [0.9, 0.1] },
        { strength: 1.5, alphaMax: 0.7 },
      ],
    });
  }

  describe(`createDualHeadPolicy() on ${name}`, () => {
    for (const mode of mixingModes) {
      it(`is base to the last bit at strength 0 and at α 0, in mode ${mode}`, async () => {
        const { base, dualHead, heads } = await openBench(name);
        using plain = base();
        using policy = dualHead(mode);
        const off = [{ strength: 0 }, { alphaMax: 0 }];
        const expected = await trace(plain, tokens, [{}, {}]);
        const actual = await trace(policy, tokens, off);
        expect(actual.logits).toEqual(expected.logits);
        expect(actual.alpha.flat().every((value) => value === 0)).toBe(true);
        expect(expected.alpha.flat().every((value) => value === null)).toBe(true);
        // Beside a row that is on, and where only the gate knows that α is 0, the same.
        const beside = await trace(policy, tokens, [{ strength: 0 }, { strength: 1 }]);
        expect(beside.logits[0]).toEqual(expected.logits[0]);
        expect(beside.logits[1]).not.toEqual(expected.logits[1]);
        using closed = dualHead(mode, [{ ...heads[2], gate: constantGate({ alpha: 0 }) }]);
        expect((await trace(closed, tokens, [{}, {}])).logits).toEqual(expected.logits);
      });

      it(`scores at strength 0 as base does, to the last bit, in mode ${mode}`, async () => {
        const { base, dualHead } = await openBench(name);
        using plain = base();
        using policy = dualHead(mode);
        const scores = async (of: DecodePolicy) => of.score([{ sequence: of.open({ strength: 0 }), tokens }]);
        const [[expected], [actual]] = [await scores(plain), await scores(policy)];
        expect(actual!.logp).toEqual(expected!.logp);
        expect(expected!.alpha).toBeNull();
        expect([...actual!.alpha!]).toEqual(tokens.map(() => 0));
      });

      it(`gives one-hot weights the distribution of that head alone, in mode ${mode}`, async () => {
        const { dualHead, heads } = await openBench(name);
        using both = dualHead(mode, heads);
        for (const [index, head] of heads.entries()) {
          using alone = dualHead(mode, [head]);
          const weights = heads.map((_, at) => (at === index ? 1 : 0));
          const expected = await trace(alone, tokens, [{ strength: 1.3, weights: [1] }]);
          const actual = await trace(both, tokens, [{ strength: 1.3, weights }]);
          checkClose("logits", actual.logits[0]!, expected.logits[0]!, tolerance);
          checkClose("alpha", actual.alpha[0]!.map(Number), expected.alpha[0]!.map(Number), tolerance);
        }
      });
    }

    it("decodes different strengths, bounds and weights in one batch as each alone", async () => {
      const { dualHead } = await openBench(name);
      using policy = dualHead("convex");
      const controls: readonly Controls[] = [
        { strength: 2, weights: [0.25, 0.75] },
        { alphaMin: 0.2, alphaMax: 0.2 },
        { strength: 0 },
        { weights: [1, 0] },
        {},
      ];
      const together = await trace(policy, tokens, controls);
      for (const [index, each] of controls.entries()) {
        const alone = await trace(policy, tokens, [each]);
        checkClose(`logits of ${index}`, together.logits[index]!, alone.logits[0]!, tolerance);
        checkClose(`alpha of ${index}`, together.alpha[index]!.map(Number), alone.alpha[0]!.map(Number), tolerance);
      }
    });

    it("holds no more memory after 200 steps, forks and scores than after 100, and none after dispose", async () => {
      const { device, dualHead } = await openBench(name);
      const atStart = device.stats.liveBuffers;
      {
        using policy = dualHead("convex");
        const sequences = [policy.open(), policy.open({ strength: 2 })];
        const step = async (round: number) => {
          await policy.advance(sequences.map((sequence) => ({ sequence, tokens: [round % 23] })));
          if (policy.length(sequences[0]!) < capacity) return;
          policy.close(sequences.shift()!);
          sequences.unshift(policy.fork(sequences[0]!));
          for (const sequence of sequences.splice(0)) policy.close(sequence);
          sequences.push(policy.open(), policy.open({ strength: 2 }));
          await policy.score(
            sequences.map((sequence) => ({ sequence, tokens: [1, 2, 3] })),
            { logits: true },
          );
        };
        for (let round = 0; round < 100; round++) await step(round);
        const { liveBuffers } = device.stats;
        for (let round = 100; round < 200; round++) await step(round);
        expect(device.stats.liveBuffers).toBe(liveBuffers);
      }
      expect(device.stats.liveBuffers).toBe(atStart);
    });
  });
}

describe("createDualHeadPolicy()", () => {
  it("mixes as printed: convex between the language model's and the head's logits by α", async () => {
    const { base, dualHead, heads } = await openBench("reference");
    using plain = base();
    using policy = dualHead("convex", [heads[0]]);
    const lm = (await trace(plain, tokens, [{}])).logits[0]!;
    const rm = (await trace(policy, tokens, [{ alphaMin: 1 }])).logits[0]!;
    const { logits, alpha } = await trace(policy, tokens, [{ strength: 0.8 }]);
    const mixed = lm.map((z, at) => {
      const a = alpha[0]![Math.floor(at / 23)]!;
      return (1 - a) * z + a * rm[at]!;
    });
    checkClose("logits", logits[0]!, mixed, 1e-12);
    expect(new Set(alpha[0]).size).toBe(tokens.length);
  });

  it("reports the effective α, Σ wᵢαᵢ", async () => {
    const { dualHead, heads } = await openBench("reference");
    using policy = dualHead("convex", heads);
    const of = async (weights: readonly number[]) => (await trace(policy, tokens, [{ weights }])).alpha[0]!.map(Number);
    const each = [await of([1, 0, 0]), await of([0, 1, 0]), await of([0, 0, 1])];
    const expected = tokens.map((_, at) => 0.5 * each[0]![at]! + 0.2 * each[1]![at]! + 0.3 * each[2]![at]!);
    checkClose("alpha", await of([0.5, 0.2, 0.3]), expected, 1e-12);
    checkClose(
      "constant gate",
      each[2]!,
      tokens.map(() => 0.3),
      1e-12,
    );
  });

  it("takes default weights from the heads, relative in convex and as they are in additive", async () => {
    const { dualHead, heads } = await openBench("reference");
    const weighted = [
      { ...heads[0], weight: 3 },
      { ...heads[1], weight: 1 },
    ];
    for (const [mode, weights] of [
      ["convex", [0.75, 0.25]],
      ["additive", [3, 1]],
    ] as const) {
      using own = dualHead(mode, weighted);
      using given = dualHead(mode);
      const expected = await trace(given, tokens, [{ weights }]);
      expect(await trace(own, tokens, [{}])).toEqual(expected);
    }
    expect(() => dualHead("convex", [{ ...heads[0], weight: 1 }, heads[1]])).toThrow("heads head 1 have no weight");
    expect(() =>
      dualHead("convex", [
        { ...heads[0], weight: -1 },
        { ...heads[1], weight: 2 },
      ]),
    ).toThrow("weights");
  });

  it("scores a continuation by the logits it gives", async () => {
    const { dualHead } = await openBench("reference");
    using policy = dualHead("mixture");
    const sequence = policy.open({ strength: 1.2 });
    const [step] = await policy.advance([{ sequence, tokens: [5] }]);
    const logits = await step!.logits();
    const [scores] = await policy.score([{ sequence, tokens: [9, 4] }], { logits: true });
    expect(scores!.logp[0]).toBeCloseTo(logProbability(logits, 9), 11);
    expect(scores!.logp[1]).toBeCloseTo(logProbability(scores!.logits![0]!, 4), 11);
  });

  it("scores each sequence of a batch under its own controls, its first token too", async () => {
    const { dualHead } = await openBench("reference");
    const controls: readonly Controls[] = [{ strength: 0 }, { strength: 3 }, { alphaMin: 0.9 }];
    using policy = dualHead("convex");
    const scoresOf = async (each: readonly Controls[]) => {
      const sequences = each.map((own) => policy.open(own));
      await policy.advance(sequences.map((sequence) => ({ sequence, tokens: [5, 3] })));
      const scores = await policy.score(sequences.map((sequence) => ({ sequence, tokens: [9, 4] })));
      for (const sequence of sequences) policy.close(sequence);
      return scores.map(({ logp }) => [...logp]);
    };
    const together = await scoresOf(controls);
    for (const [index, own] of controls.entries()) {
      checkClose(`sequence ${index}`, together[index]!, (await scoresOf([own]))[0]!, 1e-11);
    }
    expect(together[0]![0]).not.toBeCloseTo(together[1]![0]!, 3);
  });

  it("computes logits once, when they are first asked for, and frees them at the next advance", async () => {
    const { dualHead, device } = await openBench("reference");
    using policy = dualHead("convex");
    const sequence = policy.open();
    const counts: { readonly ops: number; readonly buffers: number }[] = [];
    for (const readCount of [0, 1, 2]) {
      const [step] = await policy.advance([{ sequence, tokens: [5] }]);
      const before = device.stats.dispatches;
      for (let read = 0; read < readCount; read++) await step!.logits();
      counts.push({ ops: device.stats.dispatches - before, buffers: device.stats.liveBuffers });
    }
    expect(counts[0]!.ops).toBe(0);
    expect(counts[1]!.ops).toBeGreaterThan(0);
    expect(counts[2]).toEqual(counts[1]);
  });

  it("leaves every sequence as it was where a gate fails half way", async () => {
    const { dualHead, heads, device } = await openBench("reference");
    let fails = false;
    const breaking: Gate = {
      ...heads[1].gate,
      extend: (...given) => {
        if (fails) throw new Error("on purpose");
        return heads[1].gate.extend(...given);
      },
    };
    using policy = dualHead("convex", [heads[0], { ...heads[1], gate: breaking }]);
    const sequence = policy.open();
    await policy.advance([{ sequence, tokens: [5, 3] }]);
    const before = device.stats.liveBuffers;
    fails = true;
    await expect(policy.advance([{ sequence, tokens: [9] }])).rejects.toThrow("on purpose");
    await expect(policy.score([{ sequence, tokens: [9, 4] }])).rejects.toThrow("on purpose");
    expect(policy.length(sequence)).toBe(2);
    expect(device.stats.liveBuffers).toBe(before);
    fails = false;
    const [step] = await policy.advance([{ sequence, tokens: [9] }]);
    const actual = await step!.logits();
    const other = policy.open();
    const [expected] = await policy.advance([{ sequence: other, tokens: [5, 3, 9] }]);
    checkClose("logits", actual, await expected!.logits(), 1e-11);
  });

  it("gives steps their own controls where a later advance fails", async () => {
    const { device, heads } = await openBench("reference");
    const { backbone, params } = tinyLlama(device, 7, { layerCount: 1, tiedEmbeddings: true });
    let fails = false;
    const breaking: typeof backbone = {
      ...backbone,
      extend(...given) {
        if (fails) throw new Error("on purpose");
        return backbone.extend(...given);
      },
    };
    const common = { params, device, mixing: "convex", heads: [heads[0]], slotCount: 2, capacity } as const;
    using policy = createDualHeadPolicy({ ...common, backbone: breaking });
    using plain = createDualHeadPolicy({ ...common, backbone });
    const [strong, off] = [policy.open({ strength: 2 }), policy.open({ strength: 0 })];
    const alike = plain.open({ strength: 2 });
    for (const token of [5, 3, 9]) {
      const [[step], [expected]] = await Promise.all([
        policy.advance([{ sequence: strong, tokens: [token] }]),
        plain.advance([{ sequence: alike, tokens: [token] }]),
      ]);
      fails = true;
      await expect(policy.advance([{ sequence: off, tokens: [1, 2] }])).rejects.toThrow("on purpose");
      fails = false;
      checkClose("logits", await step!.logits(), await expected!.logits(), 1e-11);
    }
  });

  it("answers what is asked of a step from more that was asked before", async () => {
    const { device, dualHead } = await openBench("cpu");
    using policy = dualHead("convex");
    const sequence = policy.open();
    for (let round = 0; round < 3; round++) {
      const [step] = await policy.advance([{ sequence, tokens: [round] }]);
      const most = await step!.candidates(7);
      const { dispatches } = device.stats;
      const { ids, logits, logNormalizer } = await step!.candidates(3);
      expect(device.stats.dispatches).toBe(dispatches);
      expect([ids, logits]).toEqual([most.ids.slice(0, 3), most.logits.slice(0, 3)]);
      expect(logNormalizer).toBe(most.logNormalizer);
    }
  });

  it("refuses what cannot be, and frees the place of nothing it did not open", async () => {
    const { dualHead, base, heads, device } = await openBench("reference");
    expect(() => dualHead("convex", [])).toThrow("it has no heads");
    const small = { kind: "linear", weight: device.tensor(new Float64Array(35), [5, 7]), bias: null } as const;
    expect(() => dualHead("convex", [{ ...heads[0], projection: small }])).toThrow(
      "the weight of head head 0 is [5, 7] but the backbone needs [V, D] = [23, 11]",
    );
    expect(() => dualHead("convex", [{ ...heads[1], encoding: null }])).toThrow("has no encoding");
    expect(() => dualHead("convex", [{ ...heads[0], encoding: heads[1].encoding }])).toThrow("has an encoding");
    expect(() => dualHead("klExact", [{ ...heads[2], gate: constantGate({ alpha: 1 }) }])).toThrow("klExact");
    using policy = dualHead("convex");
    expect(() => policy.open({ strength: -1 })).toThrow("the strength is -1");
    expect(() => policy.open({ weights: [1] })).toThrow("2 heads");
    for (let slot = 0; slot < slotCount; slot++) policy.open();
    expect(() => policy.open()).toThrow("all 5 are in use");
    using plain = base();
    const stranger = plain.open();
    expect(() => policy.length(stranger)).toThrow("belongs to another policy");
    expect(await policy.advance([])).toEqual([]);
  });
});
