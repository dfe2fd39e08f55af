// KL from a base: closed forms, limits, and sequences against the enumeration of all of them.
import { randomTable, tablePolicy } from "@dual-head/sampler/testing";
import { createRandom } from "@dual-head/tensor-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { logProbabilitiesOf, sampledKl, sequenceKl, tokenKl } from "./kl.ts";
import { policyKl } from "./policy-kl.ts";

const seed = 20261129;
const logits = (length: number) =>
  fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: length, maxLength: length });

describe("tokenKl()", () => {
  it("is not negative, 0 of equals, and infinite where the base excludes what the policy allows", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 17 }).chain((length) => fc.tuple(logits(length), logits(length))),
        ([a, b]) => {
          const [policy, base] = [logProbabilitiesOf(a), logProbabilitiesOf(b)];
          expect(tokenKl(policy, base)).toBeGreaterThanOrEqual(0);
          expect(tokenKl(policy, policy)).toBe(0);
          expect(tokenKl(policy, logProbabilitiesOf([-Infinity, ...b.slice(1)]))).toBeGreaterThan(
            Math.exp(policy[0]!) > 0 ? 1e300 : -1,
          );
          // What the policy excludes costs nothing.
          expect(tokenKl(logProbabilitiesOf([-Infinity, ...a.slice(1)]), base)).toBeLessThan(Infinity);
        },
      ),
      { seed },
    );
  });

  it("is p ln(p/q) + (1−p) ln((1−p)/(1−q)) of two tokens", () => {
    const inner = fc.double({ min: 0.001, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(inner, inner, (p, q) => {
        const kl = tokenKl([Math.log(p), Math.log1p(-p)], [Math.log(q), Math.log1p(-q)]);
        expect(kl).toBeCloseTo(p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q)), 12);
      }),
      { seed },
    );
  });

  it("refuses logits and rows of different vocabularies", () => {
    expect(() => tokenKl([1, 2], [Math.log(0.5), Math.log(0.5)])).toThrow(/the policy's probabilities sum to 10.1/);
    expect(() => tokenKl([0], [0, -Infinity])).toThrow(/1 and 2 values/);
    expect(() => tokenKl([Number.NaN, 0], [0, -Infinity])).toThrow(/sum to NaN/);
  });
});

describe("logProbabilitiesOf()", () => {
  it("sums to 1, does not see a constant, and flattens with the temperature", () => {
    fc.assert(
      fc.property(logits(7), fc.double({ min: -1e5, max: 1e5, noNaN: true }), (given, shift) => {
        const row = logProbabilitiesOf(given);
        expect(row.reduce((sum, each) => sum + Math.exp(each), 0)).toBeCloseTo(1, 12);
        const moved = logProbabilitiesOf(given.map((each) => each + shift));
        for (const [id, each] of moved.entries()) expect(each).toBeCloseTo(row[id]!, 8);
        const entropy = (from: Float64Array) => -from.reduce((sum, each) => sum + Math.exp(each) * each, 0);
        expect(entropy(logProbabilitiesOf(given, 2))).toBeGreaterThanOrEqual(entropy(row) - 1e-12);
      }),
      { seed },
    );
    expect(() => logProbabilitiesOf([1], 0)).toThrow(/the temperature is 0/);
    expect(() => logProbabilitiesOf([-Infinity])).toThrow(/the largest logit is -Infinity/);
    expect(() => logProbabilitiesOf([1, Number.NaN])).toThrow(/the largest logit is NaN/);
  });
});

describe("policyKl()", () => {
  const vocabSize = 5;
  const model = randomTable(vocabSize, 7);
  const temperature = 1.3;

  it(`has the KL of whole sequences as its mean, both ways (seed ${seed})`, async () => {
    using policy = tablePolicy(model);
    const length = 4;
    const responses = Array.from({ length: vocabSize ** length }, (_, code) => ({
      prompt: [1, 3],
      response: Array.from({ length }, (_, at) => Math.floor(code / vocabSize ** at) % vocabSize),
      controls: { strength: 0.8 },
    }));
    const kls = await policyKl({ policy, base: policy, baseControls: { strength: 0 }, responses, temperature });
    const row = (last: number, strength: number) =>
      logProbabilitiesOf(
        model.base[last]!.map(
          (z, id) => (1 - strength * model.alpha[last]!) * z + strength * model.alpha[last]! * model.reward[last]![id]!,
        ),
        temperature,
      );
    let [whole, exact, sampled] = [0, 0, 0];
    for (const [at, { response }] of responses.entries()) {
      const before = [3, ...response.slice(0, -1)];
      const logp = response.reduce((sum, token, t) => sum + row(before[t]!, 0.8)[token]!, 0);
      const base = response.reduce((sum, token, t) => sum + row(before[t]!, 0)[token]!, 0);
      whole += Math.exp(logp) * (logp - base);
      exact += Math.exp(logp) * kls[at]!.exact;
      sampled += Math.exp(logp) * kls[at]!.sampled;
      expect(kls[at]!.sampled).toBeCloseTo(logp - base, 9);
      const rows = (strength: number) => before.map((last) => row(last, strength));
      expect(kls[at]!.exact).toBeCloseTo(sequenceKl(rows(0.8), rows(0)), 9);
      expect(kls[at]!.length).toBe(length);
    }
    expect(exact).toBeCloseTo(whole, 9);
    expect(sampled).toBeCloseTo(whole, 9);
    expect(whole).toBeGreaterThan(0.01);
    expect(policy.openCount).toBe(0);
  });

  it("is 0 at strength 0, the same in batches of any size, and keeps no sequence open", async () => {
    const random = createRandom(seed, "responses");
    const tokens = (count: number) => Array.from({ length: count }, () => random.integer(vocabSize));
    const responses = Array.from({ length: 11 }, (_, at) => ({
      prompt: tokens(1 + (at % 3)),
      response: tokens(at % 5),
    }));
    using policy = tablePolicy(model, { slotCount: 4 });
    using base = tablePolicy(model, { slotCount: 4 });
    const options = { policy, base, baseControls: { strength: 0 }, responses };
    const one = await policyKl({ ...options, batchSize: 1 });
    expect(await policyKl({ ...options, batchSize: 9 })).toEqual(one);
    expect(one.map(({ length }) => length)).toEqual(responses.map(({ response }) => response.length));
    expect(one[0]).toEqual({ length: 0, exact: 0, sampled: 0 });
    const none = responses.map((each) => ({ ...each, controls: { strength: 0 } }));
    for (const { exact, sampled } of await policyKl({ ...options, responses: none }))
      expect([exact, sampled]).toEqual([0, 0]);
    expect([policy.openCount, base.openCount]).toEqual([0, 0]);
  });

  it("refuses other vocabularies and empty prompts, and ends on a signal", async () => {
    using policy = tablePolicy(model);
    using other = tablePolicy(randomTable(3, 1));
    const responses = [{ prompt: [], response: [1] }];
    await expect(policyKl({ policy, base: other, responses })).rejects.toThrow(/5 tokens and its base 3/);
    await expect(policyKl({ policy, base: policy, responses })).rejects.toThrow(/prompt 0 has no tokens/);
    const signal = AbortSignal.abort(new Error("enough"));
    const sound = [{ prompt: [1], response: [1] }];
    await expect(policyKl({ policy, base: policy, responses: sound, signal })).rejects.toThrow("enough");
  });
});

describe("sampledKl()", () => {
  it("may be negative, and refuses what the policy cannot have drawn", () => {
    expect(sampledKl([-2, -3], [-1, -1])).toBe(-3);
    expect(() => sampledKl([-1, -Infinity], [-1, -1])).toThrow(/token 1 the log-probability -Infinity/);
  });
});
