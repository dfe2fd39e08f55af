// What every way of mixing heads keeps: exact bases at the ends, equivalences between modes, policy classes of the paper.
// Knows no particular implementation.
import {
  add,
  affine,
  type Device,
  logSoftmax,
  type Projection,
  project,
  projectionTerms,
  segmentsOf,
  sumTo,
  type Tensor,
  type TopKResult,
  topK,
  valueAndGrad,
} from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { constantGate, finiteLogit } from "../constant-gate.ts";
import { type MixingMode, mixingModes, type RowControls } from "../controls.ts";
import { randomTensor } from "./random-tensors.ts";

/** N rows to be mixed. */
export interface MixingInputs {
  /** [N, D]. */
  readonly hidden: Tensor;
  readonly lm: Projection;
  readonly heads: readonly Projection[];
  /** u = logit α, one tensor [N] a head. */
  readonly gateLogits: readonly Tensor[];
}

/** A way of mixing heads under the controls of each row, as laws see it. */
export interface MixingImplementation {
  /** Fused logits, [N, V]. */
  logits(mode: MixingMode, inputs: MixingInputs, rows: readonly RowControls[]): Tensor;
  /** The `count` largest of the logits. */
  top(mode: MixingMode, inputs: MixingInputs, rows: readonly RowControls[], count: number): TopKResult;
  /** Nats of targets (u32 [N]), [N], differentiable in the gate logits. */
  nats(mode: MixingMode, inputs: MixingInputs, rows: readonly RowControls[], targets: Tensor): Tensor;
  /** Σ wᵢαᵢ, [N]. */
  alpha(mode: MixingMode, inputs: MixingInputs, rows: readonly RowControls[]): Tensor;
}

/** Options of `mixingLaws`. */
export interface MixingLawOptions {
  /** The largest difference allowed on single-precision devices, relative; defaults to 2e-5. */
  readonly tolerance?: number;
}

const [rowCount, hiddenSize, vocabSize] = [5, 7, 11];

function setup(device: Device, seed: number, headCount = 2): MixingInputs {
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

const alphas = fc.double({ min: 0.01, max: 0.95, noNaN: true });

/** u of fixed fusion, as the constant gate gives it. */
const constant = ({ hidden }: MixingInputs, alpha: number) =>
  constantGate({ alpha }).logits({}, hidden, segmentsOf([rowCount]));
const every = (controls: RowControls) => new Array<RowControls>(rowCount).fill(controls);

const plain = (hidden: Tensor, projection: Projection) =>
  project(projectionTerms(hidden, [{ projection, coefficient: null }]));
const numbers = async (tensor: Tensor) => [...(await tensor.read())];

/** (1−α)·lm + α·head as one matrix and one bias. */
function foldLinear(lm: Projection, head: Projection, alpha: number): Projection {
  if (lm.kind !== "linear" || head.kind !== "linear") throw new TypeError("Cannot fold: both heads must be linear");
  const scaled = (tensor: Tensor | null, by: number) => (tensor === null ? null : affine(tensor, by, 0));
  const sum = (a: Tensor | null, b: Tensor | null) => (a !== null && b !== null ? add(a, b) : (a ?? b));
  return {
    kind: "linear",
    weight: add(affine(lm.weight, 1 - alpha, 0), affine(head.weight, alpha, 0)),
    bias: sum(scaled(lm.bias, 1 - alpha), scaled(head.bias, alpha)),
  };
}

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

/** Runs the laws of one implementation under vitest, on every device there is. */
export function mixingLaws(label: string, mixing: MixingImplementation, options: MixingLawOptions = {}): void {
  const tolerance = options.tolerance ?? 2e-5;
  const mix = (mode: MixingMode, inputs: MixingInputs, rows: readonly RowControls[]) =>
    numbers(mixing.logits(mode, inputs, rows));

  describe(`${label} keeps the laws of mixing`, () => {
    for (const name of testDeviceNames) {
      for (const mode of mixingModes) {
        it(`${mode} is the base to the last bit at strength 0 and at alpha 0 on ${name}`, async () => {
          const device = await sharedDevice(name);
          await fc.assert(
            fc.asyncProperty(fc.nat(), async (seed) => {
              const some = setup(device, seed);
              const base = await mixing.logits(mode, some, every({ strength: 0 })).read();
              expect(base).toEqual(await plain(some.hidden, some.lm).read());
              expect(await mixing.logits(mode, some, every({ alphaMax: 0 })).read()).toEqual(base);
              const closed = { ...some, gateLogits: [constant(some, 0), constant(some, 0)] };
              expect(await mixing.logits(mode, closed, every({})).read()).toEqual(base);
            }),
            { seed: 3, numRuns: 3 },
          );
        });

        it(`${mode} finds the largest of its logits to the last bit, on ${name}`, async () => {
          const device = await sharedDevice(name);
          const some = setup(device, 19);
          const controls: RowControls[] = [
            { strength: 0 },
            {},
            { strength: 2 },
            { alphaMax: 0.4 },
            { weights: [0, 1] },
          ];
          const expected = topK(mixing.logits(mode, some, controls), 4);
          const actual = mixing.top(mode, some, controls, 4);
          for (const each of ["values", "ids", "totals"] as const)
            expect(await numbers(actual[each])).toEqual(await numbers(expected[each]));
          // Where every row is the base there may be a shorter way.
          const base = mixing.top(mode, some, every({ strength: 0 }), 4);
          expect(await numbers(base.values)).toEqual(await numbers(topK(plain(some.hidden, some.lm), 4).values));
        });

        it(`${mode} with a one-hot weight is that head alone, and rows keep their own controls on ${name}`, async () => {
          const device = await sharedDevice(name);
          await fc.assert(
            fc.asyncProperty(fc.nat(), async (seed) => {
              const some = setup(device, seed);
              for (const [head, weights] of [
                [0, [1, 0]],
                [1, [0, 1]],
              ] as const) {
                const controls: RowControls[] = [
                  { weights },
                  { weights, strength: 0.3 },
                  { weights, alphaMin: 0.2, alphaMax: 0.2 },
                  { weights, strength: 0 },
                  { weights, alphaMax: 0.4 },
                ];
                const alone = { ...some, heads: [some.heads[head]!], gateLogits: [some.gateLogits[head]!] };
                const own = controls.map(({ weights: _, ...rest }) => rest);
                const together = await mix(mode, some, controls);
                checkClose("one-hot", together, await mix(mode, alone, own), tolerance);
                for (const [row, each] of controls.entries()) {
                  const slice = (values: number[]) => values.slice(row * vocabSize, (row + 1) * vocabSize);
                  checkClose(`row ${row}`, slice(together), slice(await mix(mode, some, every(each))), tolerance);
                }
              }
            }),
            { seed: 7, numRuns: 2 },
          );
        });

        it(`${mode} scores tokens as its logits do, with gradients to the gate on ${name}`, async () => {
          const device = await sharedDevice(name);
          const some = setup(device, 17);
          const controls = every({ weights: [0.25, 0.75] });
          const targets = Uint32Array.from({ length: rowCount }, (_, row) => (3 * row + 1) % vocabSize);
          const nats = (inputs: MixingInputs) =>
            mixing.nats(mode, inputs, controls, inputs.hidden.device.tensor(targets, [rowCount]));
          const logp = logSoftmaxRows(await mix(mode, some, controls), vocabSize);
          const expected = Array.from(targets, (target, row) => -logp[row * vocabSize + target]!);
          checkClose("nats", await numbers(nats(some)), expected, tolerance);
          const held = setup(await sharedDevice("reference"), 17);
          const step = 1e-5;
          const { grad } = valueAndGrad((gateLogits: readonly Tensor[]) => sumTo(nats({ ...some, gateLogits }), []))(
            some.gateLogits,
          );
          const total = async (shift: number) => {
            const u = await numbers(held.gateLogits[0]!);
            u[2] = u[2]! + shift;
            const moved = [held.hidden.device.tensor(u, [rowCount]), held.gateLogits[1]!];
            return (await numbers(nats({ ...held, gateLogits: moved }))).reduce((a, b) => a + b, 0);
          };
          const numeric = ((await total(step)) - (await total(-step))) / (2 * step);
          expect(Math.abs((await numbers(grad[0]!))[2]! - numeric)).toBeLessThan(1e-4 * (1 + Math.abs(numeric)));
        });
      }

      it(`convex and mixture at alpha 1 are the head's own distribution on ${name}`, async () => {
        const device = await sharedDevice(name);
        const some = setup(device, 23, 1);
        const head = logSoftmaxRows(await numbers(plain(some.hidden, some.heads[0]!)), vocabSize);
        const open = { ...some, gateLogits: [constant(some, 1)] };
        for (const mode of ["convex", "mixture"] as const) {
          for (const logits of [await mix(mode, some, every({ alphaMin: 1 })), await mix(mode, open, every({}))]) {
            checkClose(mode, logSoftmaxRows(logits, vocabSize), head, tolerance);
          }
          expect(await numbers(mixing.alpha(mode, open, every({})))).toEqual(new Array(rowCount).fill(1));
        }
      });

      it(`convex at a constant alpha folds to one matrix on ${name}`, async () => {
        const device = await sharedDevice(name);
        await fc.assert(
          fc.asyncProperty(fc.nat(), alphas, async (seed, alpha) => {
            const some = setup(device, seed);
            for (const head of some.heads) {
              const one = { ...some, heads: [head], gateLogits: [constant(some, alpha)] };
              const folded = await numbers(plain(some.hidden, foldLinear(some.lm, head, alpha)));
              checkClose("folded", await mix("convex", one, every({})), folded, tolerance);
            }
          }),
          { seed: 37, numRuns: 5 },
        );
      });
    }

    it("convex at constant alpha is klExact of weight alpha/(1-alpha) at temperature 1/(1-alpha): GenARM", async () => {
      const device = await sharedDevice("reference");
      await fc.assert(
        fc.asyncProperty(fc.nat(), alphas, async (seed, alpha) => {
          const some = setup(device, seed, 1);
          const fixed = { ...some, gateLogits: [constant(some, alpha)] };
          const exact = await mix("klExact", fixed, every({}));
          const cooled = exact.map((z) => z * (1 - alpha));
          checkClose("fused logits", await mix("convex", fixed, every({})), cooled, 1e-12);
          // The same coefficients when alpha is a bound in place of a gate.
          const bounds = every({ alphaMin: alpha, alphaMax: alpha });
          checkClose("by bounds", await mix("klExact", some, bounds), exact, 1e-9);
          const lm = await numbers(plain(some.hidden, some.lm));
          const rm = await numbers(plain(some.hidden, some.heads[0]!));
          const plus = (weight: number) => lm.map((z, at) => z + weight * rm[at]!);
          checkClose("GenARM", exact, plus(alpha / (1 - alpha)), 1e-12);
          checkClose("additive", await mix("additive", fixed, every({})), plus(alpha), 1e-12);
        }),
        { seed: 11, numRuns: 13 },
      );
    });

    it("strength s multiplies the odds of alpha", async () => {
      const device = await sharedDevice("reference");
      const some = setup(device, 29, 1);
      const strengths = [0, 0.1, 1, 3, 50];
      const u = await numbers(some.gateLogits[0]!);
      const expected = u.map((value, row) => {
        const odds = strengths[row]! * Math.exp(value);
        return odds / (1 + odds);
      });
      const controls = strengths.map((strength) => ({ strength }));
      for (const mode of mixingModes) {
        checkClose("effective alpha", await numbers(mixing.alpha(mode, some, controls)), expected, 1e-12);
      }
      const lm = await numbers(plain(some.hidden, some.lm));
      const rm = await numbers(plain(some.hidden, some.heads[0]!));
      const fused = lm.map((z, at) => z + expected[Math.floor(at / vocabSize)]! * (rm[at]! - z));
      checkClose("logits", await mix("convex", some, controls), fused, 1e-12);
    });

    it("logit fusion is not probability fusion: the audit's counterexample, and equality for two tokens", async () => {
      const device = await sharedDevice("reference");
      const fuse = async (mode: MixingMode, p: readonly number[], q: readonly number[], alpha: number) => {
        const head = (probabilities: readonly number[]): Projection => ({
          kind: "linear",
          weight: device.tensor(probabilities.map(Math.log), [p.length, 1]),
          bias: null,
        });
        const gateLogits = [device.tensor([finiteLogit(alpha)], [1])];
        const inputs = { hidden: device.tensor([1], [1, 1]), lm: head(p), heads: [head(q)], gateLogits };
        return (await numbers(logSoftmax(mixing.logits(mode, inputs, [{}])))).map(Math.exp);
      };
      const [p, q] = [
        [0.98, 0.01, 0.01],
        [0.01, 0.98, 0.01],
      ];
      expect((await fuse("convex", p, q, 0.5))[2]).toBeCloseTo(0.0481, 4);
      expect((await fuse("mixture", p, q, 0.5))[2]).toBeCloseTo(0.01, 12);
      const share = fc.double({ min: 0.05, max: 0.95, noNaN: true });
      const distribution = fc.tuple(share, share, share).map((parts) => {
        const total = parts[0] + parts[1] + parts[2];
        return parts.map((part) => part / total);
      });
      const alpha = fc.double({ min: 0.02, max: 0.98, noNaN: true });
      await fc.assert(
        fc.asyncProperty(distribution, distribution, alpha, async (p, q, alpha) => {
          const arithmetic = p.map((value, at) => (1 - alpha) * value + alpha * q[at]!);
          checkClose("mixture", await fuse("mixture", p, q, alpha), arithmetic, 1e-12);
          const weights = p.map((value, at) => value ** (1 - alpha) * q[at]! ** alpha);
          const z = weights.reduce((a, b) => a + b, 0);
          const geometric = await fuse("convex", p, q, alpha);
          checkClose(
            "convex",
            geometric,
            weights.map((weight) => weight / z),
            1e-12,
          );
          for (const [at, value] of geometric.entries()) {
            expect(value).toBeGreaterThanOrEqual(Math.min(p[at]!, q[at]!) - 1e-12);
          }
        }),
        { seed: 41, numRuns: 11 },
      );
      await fc.assert(
        fc.asyncProperty(share, share, alpha, async (a, b, alpha) => {
          const mixture = await fuse("mixture", [a, 1 - a], [b, 1 - b], alpha);
          expect(mixture[0]).toBeGreaterThanOrEqual(Math.min(a, b) - 1e-12);
          expect(mixture[0]).toBeLessThanOrEqual(Math.max(a, b) + 1e-12);
          // The logit path from p to q passes through the same point at another alpha.
          const logit = (x: number) => Math.log(x / (1 - x));
          if (Math.abs(logit(a) - logit(b)) < 1e-3) return;
          const other = (logit(mixture[0]!) - logit(a)) / (logit(b) - logit(a));
          const convex = await fuse("convex", [a, 1 - a], [b, 1 - b], Math.min(1, Math.max(0, other)));
          expect(convex[0]).toBeCloseTo(mixture[0]!, 9);
        }),
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
            expect((await mix(mode, saturated, every({ strength }))).every(Number.isFinite)).toBe(true);
          }
        }
      }
    });
  });
}
