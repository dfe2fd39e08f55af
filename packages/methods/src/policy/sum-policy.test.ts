// GenARM, proxy-tuning and MOD are sums of log-probabilities: the laws of a policy, and the limits in which each is one of
// its models to the last bit.
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { constantGate } from "@dual-head/gating";
import { linearHead } from "@dual-head/heads";
import { type Controls, type DecodePolicy, logNormalizer } from "@dual-head/sampler";
import { decodePolicyLaws, randomTable, tablePolicy } from "@dual-head/sampler/testing";
import { createRandom } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBasePolicy } from "../base/base-policy.ts";
import { createDualHeadPolicy } from "../dual-head/dual-head-policy.ts";
import { createGenArmPolicy } from "../genarm/genarm-policy.ts";
import { createModPolicy } from "../mod/mod-policy.ts";
import { createProxyTuningPolicy } from "../proxy-tuning/proxy-tuning-policy.ts";
import { tableOf, vocabSize } from "../testing/tiny-models.ts";

const arm = (seed: number, weight?: number) => ({ name: `arm ${seed}`, policy: tableOf(seed), weight });
const genArm = () => createGenArmPolicy(tableOf(1), [arm(2, 0.7), arm(3, 0.2)]);
const proxyTuning = () => createProxyTuningPolicy({ base: tableOf(1), expert: tableOf(2), antiExpert: tableOf(3) });
const mod = () => createModPolicy([1, 2, 3].map((seed) => ({ name: `model ${seed}`, policy: tableOf(seed) })));

decodePolicyLaws("genarm", genArm, { controls: [{ strength: 0.3 }, { strength: 1.4, weights: [0.1, 0.9] }] });
decodePolicyLaws("proxy-tuning", proxyTuning);
decodePolicyLaws("mod", mod, { controls: [{ weights: [0.5, 0.5, 0] }, { weights: [0.2, 0.3, 0.5] }] });

const tokens = [3, 17, 0, 22, 11];

async function logitsOf(policy: DecodePolicy, controls: Controls = {}): Promise<readonly (readonly number[])[]> {
  const sequence = policy.open(controls);
  const rows: number[][] = [];
  for (const token of tokens) {
    const [step] = await policy.advance([{ sequence, tokens: [token] }]);
    rows.push([...(await step!.logits())]);
  }
  policy.close(sequence);
  return rows;
}

const logProbabilities = (row: readonly number[]) => {
  const normalizer = logNormalizer(Float64Array.from(row));
  return row.map((value) => value - normalizer);
};

describe("sums of log-probabilities", () => {
  it("genarm and proxy-tuning at strength 0 are the base to the last bit", async () => {
    const expected = await logitsOf(tableOf(1));
    expect(await logitsOf(genArm(), { strength: 0 })).toEqual(expected);
    expect(await logitsOf(proxyTuning(), { strength: 0 })).toEqual(expected);
    expect(await logitsOf(genArm())).not.toEqual(expected);
    expect(await logitsOf(proxyTuning())).not.toEqual(expected);
  });

  it("mod with one-hot weights is that model to the last bit", async () => {
    for (const [index, seed] of [1, 2, 3].entries()) {
      const weights = [0, 1, 2].map((at) => Number(at === index));
      expect(await logitsOf(mod(), { weights })).toEqual(await logitsOf(tableOf(seed)));
    }
  });

  it("proxy-tuning with an expert that is the anti-expert is the base, and with base = anti the expert", async () => {
    const none = createProxyTuningPolicy({ base: tableOf(1), expert: tableOf(2), antiExpert: tableOf(2) });
    const all = createProxyTuningPolicy({ base: tableOf(1), expert: tableOf(2), antiExpert: tableOf(1) });
    for (const [policy, seed] of [
      [none, 1],
      [all, 2],
    ] as const) {
      const [actual, expected] = [await logitsOf(policy), await logitsOf(tableOf(seed))];
      for (const [row, values] of expected.entries()) {
        checkClose("log-probabilities", logProbabilities(actual[row]!), logProbabilities(values), 1e-12);
      }
    }
  });

  it("genarm weighs each reward as printed: log π_base + Σ aᵢ·log πᵢ", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 3, noNaN: true }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        async (a, b) => {
          fc.pre(a + b > 0);
          const policy = createGenArmPolicy(tableOf(1), [arm(2, a), arm(3, b)]);
          const [actual, base, first, second] = [
            await logitsOf(policy),
            ...(await Promise.all([1, 2, 3].map((seed) => logitsOf(tableOf(seed))))),
          ];
          for (const [row, values] of base!.entries()) {
            const [one, two] = [logProbabilities(first![row]!), logProbabilities(second![row]!)];
            const sum = logProbabilities(values).map((logp, id) => logp + a * one[id]! + b * two[id]!);
            checkClose("log-probabilities", logProbabilities(actual[row]!), logProbabilities(sum), 1e-11);
          }
        },
      ),
      { numRuns: 20, seed: 5 },
    );
  });

  it("dual-head at constant α is genarm of weight α/(1−α) at temperature 1/(1−α)", async () => {
    const device = await sharedDevice("reference");
    const { backbone, params } = tinyLlama(device, 7, { layerCount: 1 });
    const random = createRandom(3, "head");
    const { hiddenSize } = backbone.config;
    const weight = device.tensor(
      Float64Array.from({ length: vocabSize * hiddenSize }, () => 0.6 * random.normal()),
      [vocabSize, hiddenSize],
    );
    const common = { backbone, params, device, slotCount: 1, capacity: 29 };
    const projection = linearHead({ initialise: "random", bias: false }).projection(
      { weight, bias: null },
      backbone.lmHead(params),
    );
    const fixed = (alpha: number) =>
      createDualHeadPolicy({
        ...common,
        mixing: "convex",
        heads: [{ name: "head", projection, gate: constantGate({ alpha }), gateParams: {} }],
      });
    for (const alpha of [0.2, 0.5, 0.8]) {
      using dualHead = fixed(alpha);
      using policy = createGenArmPolicy(createBasePolicy(common), [
        { name: "arm", policy: fixed(1), weight: alpha / (1 - alpha) },
      ]);
      const [expected, actual] = [await logitsOf(dualHead), await logitsOf(policy)];
      for (const [row, values] of expected.entries()) {
        const heated = actual[row]!.map((value) => value * (1 - alpha));
        checkClose("log-probabilities", logProbabilities(heated), logProbabilities(values), 1e-11);
      }
    }
  });

  it("counts passes of the base as forwards and steps of reward models as their calls", async () => {
    const policy = genArm();
    const sequences = [policy.open(), policy.open()];
    for (const token of [1, 2, 3]) await policy.advance(sequences.map((sequence) => ({ sequence, tokens: [token] })));
    expect(policy.cost).toEqual({ forwards: 3, tokens: 6, rewardCalls: 12 });
    const proxy = proxyTuning();
    await proxy.advance([{ sequence: proxy.open(), tokens: [1, 2] }]);
    expect(proxy.cost).toEqual({ forwards: 3, tokens: 6, rewardCalls: 0 });
  });

  it("disposes its models, and closes their sequences with its own", async () => {
    const base = tableOf(1);
    const reward = arm(2);
    const policy = createGenArmPolicy(base, [reward]);
    const sequence = policy.open();
    policy.close(policy.fork(sequence));
    expect([base.openCount, reward.policy.openCount]).toEqual([1, 1]);
    policy[Symbol.dispose]();
    expect([base.openCount, reward.policy.openCount]).toEqual([0, 0]);
  });

  it("refuses models of other vocabularies, and controls that cannot be, by name", () => {
    const other = tablePolicy(randomTable(5, 1));
    expect(() => createGenArmPolicy(tableOf(1), [{ name: "small", policy: other }])).toThrow(
      "small has 5 tokens but the base model has 23",
    );
    expect(() => genArm().open({ strength: -1 })).toThrow("the strength is -1");
    expect(() => genArm().open({ weights: [0.5, 0.6] })).toThrow("weights are [0.5, 0.6]");
    expect(() => mod().open({ weights: [1] })).toThrow("give 3");
  });
});
