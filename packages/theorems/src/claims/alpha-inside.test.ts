// What stationarity says of the gate when its entropy is rewarded: a bound on u, not the theorem of the paper.
import { gateEntropyLoss, languageModelLoss } from "@dual-head/losses";
import { add, affine, multiply, sumTo, type Tensor, unary, valueAndGrad } from "@dual-head/tensor-core";
import { sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gateEntropySlope } from "../entropy-slope.ts";
import { searchCounterexample } from "../testing/search.ts";

const seed = 20261112;
const positive = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const sigmoid = (u: number) => 1 / (1 + Math.exp(-u));
const slopeOfAlpha = (u: number) => sigmoid(u) * sigmoid(-u);

/** The root of an increasing function, by bisection. */
function rootOf(f: (x: number) => number, low: number, high: number): number {
  let [a, b] = [low, high];
  for (let step = 0; step < 200; step++) {
    const middle = (a + b) / 2;
    if (f(middle) < 0) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
}

/**
 * @section Gate
 * @claim If λ_G > 0 then α_t ∈ (0,1) at every stationary point: the entropy term prevents collapse.
 * @verdict vacuous
 * @statement σ of a finite number lies in (0,1) for any λ and either sign. With the corrected sign, a free u_t and
 * abs(∂ℓ/∂α) ≤ c, stationarity gives abs(u_t) ≤ c/λ; keeping α in [ε, 1−ε] needs λ ≥ c/logit(1−ε), 0.34·c at ε = 0.05.
 * Here c bounds the derivative of the mean loss: with E10 summed and E9 averaged, as printed, it is c·T. A bias shared by
 * all tokens gives only min u_t ≤ c/λ and max u_t ≥ −c/λ. In float32 σ reaches exactly 0 and 1: the loss uses logits.
 */
describe("stationarity bounds the gate's logit by c/λ, with the corrected sign only", () => {
  it(`α is inside (0,1) for any finite u that float64 resolves, whatever λ (seed ${seed})`, () => {
    fc.assert(
      fc.property(positive(-36, 36), (u) => {
        expect(sigmoid(u)).toBeGreaterThan(0);
        expect(sigmoid(u)).toBeLessThan(1);
      }),
      { seed },
    );
  });

  it(`min cα − λH is at σ(−c/λ), where the real loss is stationary (seed ${seed})`, async () => {
    const device = await sharedDevice("reference");
    await fc.assert(
      fc.asyncProperty(positive(-3, 3), positive(0.3, 2), async (c, lambdaGate) => {
        const loss = (u: Tensor) =>
          add(affine(sumTo(unary("sigmoid", u), []), c, 0), gateEntropyLoss(u, { lambdaGate }).loss);
        const at = async (u: number) =>
          (await valueAndGrad(loss)(device.tensor([u], [1])).grad.read())[0]! / slopeOfAlpha(u);
        expect(await at(-c / lambdaGate)).toBeCloseTo(0, 9);
        // Below it the loss falls with u, above it rises: it is the minimum, and the only one.
        expect(await at(-c / lambdaGate - 0.5)).toBeLessThan(0);
        expect(await at(-c / lambdaGate + 0.5)).toBeGreaterThan(0);
      }),
      { seed, numRuns: 50 },
    );
  });

  it(`any task loss with |∂ℓ/∂α| ≤ c is stationary within |u| ≤ c/λ, and not so as printed (seed ${seed})`, async () => {
    const task = fc.record({
      c: positive(0.1, 3),
      phase: positive(0, 6),
      pace: positive(0.5, 9),
      lambda: positive(0.2, 2),
    });
    // ∂ℓ/∂α = c·cos(pace·α + phase) in all its shapes.
    const total = (
      u: number,
      { c, phase, pace, lambda }: { c: number; phase: number; pace: number; lambda: number },
      sign: "corrected" | "printed",
    ) => c * Math.cos(pace * sigmoid(u) + phase) + gateEntropySlope(u, lambda, sign).logit / slopeOfAlpha(u);
    fc.assert(
      fc.property(task, (drawn) => {
        const bound = drawn.c / drawn.lambda;
        const root = rootOf((u) => total(u, drawn, "corrected"), -30, 30);
        expect(Math.abs(root)).toBeLessThanOrEqual(bound + 1e-9);
        for (const beyond of [bound + 0.01, bound + 3]) {
          expect(total(beyond, drawn, "corrected")).toBeGreaterThan(0);
          expect(total(-beyond, drawn, "corrected")).toBeLessThan(0);
        }
      }),
      { seed },
    );
    // As printed, descent beyond the bound only goes on outwards.
    const [drawn] = await searchCounterexample(
      fc.property(task, (each) => total(each.c / each.lambda + 1, each, "printed") >= 0),
      seed,
    );
    expect(total(drawn.c / drawn.lambda + 1, drawn, "printed")).toBeLessThan(0);
  });

  it("keeping α within [.05, .95] takes λ ≥ 0.34 c", () => {
    expect(1 / Math.log(0.95 / 0.05)).toBeCloseTo(0.34, 2);
    expect(sigmoid(-1 / 0.34)).toBeCloseTo(0.05, 2);
  });

  it("with E10 summed and E9 averaged the bound is c·T/λ", async () => {
    const device = await sharedDevice("reference");
    for (const length of [1, 7, 31]) {
      // ℓ = Σ_t α_t over one sequence, as printed; each token's logit is free.
      const loss = (u: Tensor) =>
        add(
          languageModelLoss(unary("sigmoid", u), { reduction: "printed", sequenceCount: 1 }),
          gateEntropyLoss(u, { lambdaGate: 2 }).loss,
        );
      const u = new Array<number>(length).fill(-length / 2);
      const { grad } = valueAndGrad(loss)(device.tensor(u, [length]));
      for (const value of await grad.read()) expect(value).toBeCloseTo(0, 12);
    }
  });

  it(`with a shared bias only, some token is within the bound on each side (seed ${seed})`, () => {
    const drawn = fc.record({
      offsets: fc.array(positive(-4, 4), { minLength: 2, maxLength: 7 }),
      pulls: fc.array(positive(-1, 1), { minLength: 7, maxLength: 7 }),
      c: positive(0.1, 3),
      lambda: positive(0.2, 2),
    });
    let escaped = 0;
    fc.assert(
      fc.property(drawn, ({ offsets, pulls, c, lambda }) => {
        const slope = (bias: number) =>
          offsets.reduce((sum, offset, t) => {
            const u = offset + bias;
            return sum + c * pulls[t]! * slopeOfAlpha(u) + gateEntropySlope(u, lambda, "corrected").logit;
          }, 0);
        const bias = rootOf(slope, -25, 25);
        const u = offsets.map((offset) => offset + bias);
        expect(Math.min(...u)).toBeLessThanOrEqual(c / lambda + 1e-6);
        expect(Math.max(...u)).toBeGreaterThanOrEqual(-c / lambda - 1e-6);
        if (u.some((each) => Math.abs(each) > c / lambda)) escaped++;
      }),
      { seed },
    );
    // The bound on each token is lost.
    expect(escaped).toBeGreaterThan(0);
  });

  it.each(testDeviceNames)("saturated gates keep a finite loss and gradient on %s", async (name) => {
    const device = await sharedDevice(name);
    const u = device.tensor([-200, 200], [2]);
    const alpha = [...(await unary("sigmoid", u).read())];
    if (name !== "reference") expect(alpha).toEqual([0, 1]);
    const { value, grad } = valueAndGrad((x: Tensor) => gateEntropyLoss(multiply(x, x), { lambdaGate: 1 }).loss)(u);
    for (const each of [...(await value.read()), ...(await grad.read())]) expect(Number.isFinite(each)).toBe(true);
  });
});
