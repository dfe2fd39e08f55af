// Identities of mixing: exact bases at the ends, equivalences between modes, policy classes of the paper, refusals.
import {
  type Device,
  logSoftmax,
  type Projection,
  project,
  projectionTerms,
  sumTo,
  type Tensor,
  valueAndGrad,
} from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { finiteLogit } from "./constant-gate.ts";
import {
  checkGateMode,
  checkRowControls,
  constantGate,
  createControls,
  effectiveAlpha,
  GatingError,
  type MixingMode,
  mixedLogits,
  mixedNats,
  mixingCoefficients,
  mixingModes,
  type RowControls,
} from "./index.ts";
import { randomTensor } from "./testing/index.ts";

const [rowCount, hiddenSize, vocabSize] = [5, 7, 11];

interface Setup {
  readonly hidden: Tensor;
  readonly lm: Projection;
  readonly heads: readonly Projection[];
  readonly gateLogits: readonly Tensor[];
}

function setup(device: Device, seed: number, headCount = 2): Setup {
  const linear = (index: number): Projection => ({
    kind: "linear",
    weight: randomTensor(device, seed + 7 * index, [vocabSize, hiddenSize], 0.7),
    bias: index % 2 === 0 ? randomTensor(device, seed + 11 * index, [vocabSize, 1]) : null,
  });
  return {
    hidden: randomTensor(device, seed, [rowCount, hiddenSize]),
    lm: linear(0),
    heads: Array.from({ length: headCount }, (_, index) => linear(index + 1)),
    gateLogits: Array.from({ length: headCount }, (_, index) => randomTensor(device, seed + 13 * index, [rowCount], 2)),
  };
}

const every = (controls: RowControls) => new Array<RowControls>(rowCount).fill(controls);

function mix(mode: MixingMode, { hidden, lm, heads, gateLogits }: Setup, rows: readonly RowControls[]): Tensor {
  const controls = createControls(hidden.device, mode, heads.length, rows);
  return mixedLogits(mode, hidden, lm, heads, mixingCoefficients(mode, gateLogits, controls));
}

const plain = (hidden: Tensor, projection: Projection) =>
  project(projectionTerms(hidden, [{ projection, coefficient: null }]));
const numbers = async (tensor: Tensor) => [...(await tensor.read())];

/** Row-wise log-softmax written from the formula. */
function logSoftmaxRows(logits: readonly number[], width: number): number[] {
  return Array.from({ length: logits.length / width }, (_, row) =>
    logits.slice(row * width, (row + 1) * width),
  ).flatMap((z) => {
    const highest = Math.max(...z);
    const logZ = highest + Math.log(z.reduce((sum, value) => sum + Math.exp(value - highest), 0));
    return z.map((value) => value - logZ);
  });
}

describe("mixing of heads", () => {
  for (const name of testDeviceNames) {
    for (const mode of mixingModes) {
      it(`${mode} is the base to the last bit at strength 0 and at alpha 0 on ${name}`, async () => {
        const device = await sharedDevice(name);
        await fc.assert(
          fc.asyncProperty(fc.nat(), async (seed) => {
            const some = setup(device, seed);
            const base = await plain(some.hidden, some.lm).read();
            expect(await mix(mode, some, every({ strength: 0 })).read()).toEqual(base);
            expect(await mix(mode, some, every({ alphaMax: 0 })).read()).toEqual(base);
            const constant = constantGate({ alpha: 0 }).logits({}, some.hidden, {
              offsets: Uint32Array.of(0, rowCount),
            });
            expect(await mix(mode, { ...some, gateLogits: [constant, constant] }, every({})).read()).toEqual(base);
          }),
          { seed: 3, numRuns: 3 },
        );
      });

      it(`${mode} with a one-hot weight is that head alone, and rows keep their own controls on ${name}`, async () => {
        const device = await sharedDevice(name);
        await fc.assert(
          fc.asyncProperty(fc.nat(), async (seed) => {
            const some = setup(device, seed);
            const controls: RowControls[] = [
              { weights: [1, 0] },
              { weights: [1, 0], strength: 0.3 },
              { weights: [1, 0], alphaMin: 0.2, alphaMax: 0.2 },
              { weights: [1, 0], strength: 0 },
              { weights: [1, 0], alphaMax: 0.4 },
            ];
            const alone = { ...some, heads: some.heads.slice(0, 1), gateLogits: some.gateLogits.slice(0, 1) };
            const single = await numbers(
              mix(
                mode,
                alone,
                controls.map(({ weights: _, ...rest }) => rest),
              ),
            );
            checkClose("one-hot", await numbers(mix(mode, some, controls)), single, 2e-5);
            for (const [row, own] of controls.entries()) {
              const all = await numbers(mix(mode, some, every(own)));
              const slice = (values: number[]) => values.slice(row * vocabSize, (row + 1) * vocabSize);
              checkClose(`row ${row}`, slice(await numbers(mix(mode, some, controls))), slice(all), 2e-5);
            }
          }),
          { seed: 7, numRuns: 2 },
        );
      });

      it(`${mode} scores tokens as its logits do, with gradients to the gate on ${name}`, async () => {
        const device = await sharedDevice(name);
        const some = setup(device, 17);
        const targets = Uint32Array.from({ length: rowCount }, (_, row) => (3 * row + 1) % vocabSize);
        const nats = (gateLogits: readonly Tensor[]) => {
          const controls = createControls(device, mode, 2, every({ weights: [0.25, 0.75] }));
          const coefficients = mixingCoefficients(mode, gateLogits, controls);
          return mixedNats(mode, some.hidden, some.lm, some.heads, coefficients, device.tensor(targets, [rowCount]));
        };
        const logp = logSoftmaxRows(await numbers(mix(mode, some, every({ weights: [0.25, 0.75] }))), vocabSize);
        const expected = Array.from(targets, (target, row) => -logp[row * vocabSize + target]!);
        checkClose("nats", await numbers(nats(some.gateLogits)), expected, 2e-5);
        const reference = await sharedDevice("reference");
        const held = setup(reference, 17);
        const step = 1e-5;
        const { grad } = valueAndGrad((gateLogits: readonly Tensor[]) => sumTo(nats(gateLogits), []))(some.gateLogits);
        const total = async (shift: number) => {
          const u = await numbers(held.gateLogits[0]!);
          u[2] = u[2]! + shift;
          const moved = [reference.tensor(u, [rowCount]), held.gateLogits[1]!];
          const controls = createControls(reference, mode, 2, every({ weights: [0.25, 0.75] }));
          const value = mixedNats(
            mode,
            held.hidden,
            held.lm,
            held.heads,
            mixingCoefficients(mode, moved, controls),
            reference.tensor(targets, [rowCount]),
          );
          return (await numbers(value)).reduce((a, b) => a + b, 0);
        };
        const numeric = ((await total(step)) - (await total(-step))) / (2 * step);
        expect(Math.abs((await numbers(grad[0]!))[2]! - numeric)).toBeLessThan(1e-4 * (1 + Math.abs(numeric)));
      });
    }

    it(`convex and mixture at alpha 1 are the head's own distribution on ${name}`, async () => {
      const device = await sharedDevice(name);
      const some = setup(device, 23, 1);
      const head = logSoftmaxRows(await numbers(plain(some.hidden, some.heads[0]!)), vocabSize);
      for (const mode of ["convex", "mixture"] as const) {
        const logits = await numbers(mix(mode, some, every({ alphaMin: 1 })));
        checkClose(mode, logSoftmaxRows(logits, vocabSize), head, 2e-5);
      }
      const infinite = constantGate({ alpha: 1 }).logits({}, some.hidden, { offsets: Uint32Array.of(0, rowCount) });
      const controls = createControls(device, "convex", 1, every({}));
      expect(await numbers(mixingCoefficients("convex", [infinite], controls).alpha[0]!)).toEqual(
        new Array(rowCount).fill(1),
      );
    });
  }

  it("convex at constant alpha is klExact of weight alpha/(1-alpha) at temperature 1/(1-alpha): GenARM", async () => {
    const device = await sharedDevice("reference");
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.double({ min: 0.01, max: 0.95, noNaN: true }), async (seed, alpha) => {
        const some = setup(device, seed, 1);
        const constant = {
          ...some,
          gateLogits: [device.tensor(new Array(rowCount).fill(finiteLogit(alpha)), [rowCount])],
        };
        const convex = await numbers(mix("convex", constant, every({})));
        const exact = await numbers(mix("klExact", constant, every({})));
        checkClose(
          "fused logits",
          convex,
          exact.map((z) => z * (1 - alpha)),
          1e-12,
        );
        // The same coefficients when alpha is a bound in place of a gate.
        checkClose(
          "by bounds",
          await numbers(mix("klExact", some, every({ alphaMin: alpha, alphaMax: alpha }))),
          exact,
          1e-9,
        );
        const lm = await numbers(plain(some.hidden, some.lm));
        const rm = await numbers(plain(some.hidden, some.heads[0]!));
        const additive = await numbers(mix("additive", constant, every({})));
        checkClose(
          "additive",
          additive,
          lm.map((z, at) => z + alpha * rm[at]!),
          1e-12,
        );
      }),
      { seed: 11, numRuns: 13 },
    );
  });

  it("strength s multiplies the odds of alpha", async () => {
    const device = await sharedDevice("reference");
    const some = setup(device, 29, 1);
    const strengths = [0, 0.1, 1, 3, 50];
    const controls = createControls(
      device,
      "convex",
      1,
      strengths.map((strength) => ({ strength })),
    );
    const coefficients = mixingCoefficients("convex", some.gateLogits, controls);
    const u = await numbers(some.gateLogits[0]!);
    const expected = u.map((value, row) => {
      const odds = strengths[row]! * Math.exp(value);
      return odds / (1 + odds);
    });
    checkClose("alpha", await numbers(coefficients.alpha[0]!), expected, 1e-12);
    checkClose("effective alpha", await numbers(effectiveAlpha(coefficients, controls)), expected, 1e-12);
    checkClose(
      "lm",
      await numbers(coefficients.lm!),
      expected.map((alpha) => 1 - alpha),
      1e-12,
    );
  });

  it("logit fusion is not probability fusion: the audit's counterexample, and equality for two tokens", async () => {
    const device = await sharedDevice("reference");
    const fuse = async (mode: MixingMode, p: number[], q: number[], alpha: number) => {
      const head = (probabilities: number[]): Projection => ({
        kind: "linear",
        weight: device.tensor(probabilities.map(Math.log), [p.length, 1]),
        bias: null,
      });
      const hidden = device.tensor([1], [1, 1]);
      const controls = createControls(device, mode, 1, [{}]);
      const coefficients = mixingCoefficients(mode, [device.tensor([finiteLogit(alpha)], [1])], controls);
      return (await numbers(logSoftmax(mixedLogits(mode, hidden, head(p), [head(q)], coefficients)))).map(Math.exp);
    };
    const [p, q] = [
      [0.98, 0.01, 0.01],
      [0.01, 0.98, 0.01],
    ];
    expect((await fuse("convex", p, q, 0.5))[2]).toBeCloseTo(0.0481, 4);
    expect((await fuse("mixture", p, q, 0.5))[2]).toBeCloseTo(0.01, 12);
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.double({ min: 0.02, max: 0.98, noNaN: true }),
        async (a, b, alpha) => {
          const mixture = await fuse("mixture", [a, 1 - a], [b, 1 - b], alpha);
          expect(mixture[0]).toBeGreaterThanOrEqual(Math.min(a, b) - 1e-12);
          expect(mixture[0]).toBeLessThanOrEqual(Math.max(a, b) + 1e-12);
          // The logit path from p to q passes through the same point at another alpha.
          const logit = (x: number) => Math.log(x / (1 - x));
          if (Math.abs(logit(a) - logit(b)) < 1e-3) return;
          const other = (logit(mixture[0]!) - logit(a)) / (logit(b) - logit(a));
          const convex = await fuse("convex", [a, 1 - a], [b, 1 - b], Math.min(1, Math.max(0, other)));
          expect(convex[0]).toBeCloseTo(mixture[0]!, 9);
        },
      ),
      { seed: 19, numRuns: 11 },
    );
  });

  it("stays finite with saturated gates in every mode", async () => {
    const device = await sharedDevice("cpu");
    const some = setup(device, 31, 1);
    for (const mode of mixingModes) {
      for (const u of [-1e4, -200, 200, 1e4]) {
        const saturated = { ...some, gateLogits: [device.tensor(new Array(rowCount).fill(u), [rowCount])] };
        for (const strength of [0, 1e-30, 1, 1e6]) {
          expect((await numbers(mix(mode, saturated, every({ strength })))).every(Number.isFinite)).toBe(true);
        }
      }
    }
  });
});

describe("controls", () => {
  it("are refused where they cannot be", () => {
    const bad: readonly [MixingMode, RowControls][] = [
      ["convex", { strength: -1 }],
      ["convex", { strength: Number.NaN }],
      ["convex", { strength: Number.POSITIVE_INFINITY }],
      ["convex", { alphaMin: 0.5, alphaMax: 0.4 }],
      ["convex", { alphaMin: -0.1 }],
      ["mixture", { alphaMax: 1.1 }],
      ["convex", { weights: [0.5] }],
      ["convex", { weights: [0.5, 0.6] }],
      ["mixture", { weights: [1.5, -0.5] }],
      ["additive", { weights: [Number.NaN, 1] }],
      ["klExact", { alphaMin: 1 }],
    ];
    for (const [mode, controls] of bad) expect(() => checkRowControls(mode, 2, controls)).toThrow(GatingError);
    expect(checkRowControls("additive", 2, { weights: [2, -1] }).weights).toEqual([2, -1]);
    expect(checkRowControls("convex", 3, {}).weights).toEqual([1 / 3, 1 / 3, 1 / 3]);
    expect(() => checkGateMode("klExact", constantGate({ alpha: 1 }))).toThrow(/alpha 1/);
    expect(() => checkGateMode("convex", constantGate({ alpha: 1 }))).not.toThrow();
  });
});
