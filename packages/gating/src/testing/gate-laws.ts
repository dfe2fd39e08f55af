// What every gate keeps: the laws of a causal reader, α in [0, 1], and what its options say of its logits. Knows no
// particular gate.
import { createRandom, type Device, type Segments, segmentsOf, type Tensor, unary } from "@dual-head/tensor-core";
import { causalReaderLaws, checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { constantGate } from "../constant-gate.ts";
import { type Gate, type GateParams, gateReader } from "../gate.ts";
import { randomGateParams, randomTensor } from "./random-tensors.ts";

/** A gate with the hidden size it expects. */
export interface GateCase {
  readonly gate: Gate;
  readonly hiddenSize: number;
}

/** Options of `gateLaws`. */
export interface GateLawOptions {
  /** Whether α_t depends on the former rows as a set only: invariant to permuting and to replicating them. */
  readonly attendsToSets: boolean;
  /** Whether logit α is affine in h where all rows are h, whatever their number. */
  readonly affineOnConstantHistories: boolean;
  /** The gate's equations without folding, where it folds any: u of every row, [N]. */
  readonly unfolded?: (params: GateParams, hidden: Tensor, segments: Segments) => Tensor;
  /** `params` changed so that α is `alpha` in every context, where some do that: W_g = 0 and b_g = logit α. */
  readonly constantAt?: (params: GateParams, alpha: number) => GateParams;
  /** The largest difference of logits allowed, relative; defaults to 2e-5. */
  readonly tolerance?: number;
}

const runs = { seed: 20250111, numRuns: 5 };
const lengthsOf = fc.array(fc.constantFrom(1, 2, 3, 5, 7), { minLength: 1, maxLength: 3 });

/** Runs the laws of one gate under vitest, on every device there is. */
export function gateLaws(label: string, { gate, hiddenSize }: GateCase, options: GateLawOptions): void {
  const tolerance = options.tolerance ?? 2e-5;
  const check = (law: (seed: number, lengths: number[]) => Promise<void>) =>
    fc.assert(fc.asyncProperty(fc.nat(), lengthsOf, law), runs);
  const logitsOf = (device: Device, seed: number, hidden: Tensor, segments: Segments, rows?: Uint32Array) =>
    device.scope(() => gate.logits(randomGateParams(device, gate, seed), hidden, segments, rows));
  const logits = (...given: Parameters<typeof logitsOf>) => logitsOf(...given).read();

  causalReaderLaws(label, {
    create(device, seed) {
      const params = randomGateParams(device, gate, seed);
      return gateReader(gate, params, gate.fold(params));
    },
    hiddenSize,
    tolerance,
  });
  describe(`${label} keeps the laws of a gate (seed ${runs.seed})`, () => {
    for (const name of testDeviceNames) {
      it(`gives a logit and an alpha in [0, 1] to each row on ${name}`, async () => {
        const device = await sharedDevice(name);
        await check(async (seed, lengths) => {
          const segments = segmentsOf(lengths);
          const rowCount = segments.offsets.at(-1)!;
          const hidden = randomTensor(device, seed, [rowCount, hiddenSize]);
          const all = await logits(device, seed, hidden, segments);
          expect(all.length).toBe(rowCount);
          const alpha = await device.scope(() => unary("sigmoid", logitsOf(device, seed, hidden, segments))).read();
          expect([...alpha].filter((value) => !(value >= 0 && value <= 1))).toEqual([]);
          checkClose(
            "alpha",
            alpha,
            Array.from(all, (u) => 1 / (1 + Math.exp(-u))),
            tolerance,
          );
        });
      });

      if (options.affineOnConstantHistories) {
        it(`has logits affine in h where all rows are h on ${name}`, async () => {
          const device = await sharedDevice(name);
          await check(async (seed, lengths) => {
            const values = await randomTensor(device, seed, [2, hiddenSize]).read();
            const [x, y] = [[...values.slice(0, hiddenSize)], [...values.slice(hiddenSize)]];
            const shares = [0, 0.5, 1, 2];
            const points = shares.map((share) => x.map((value, at) => (1 - share) * value + share * y[at]!));
            const rows = points.flatMap((row) => lengths.map((length) => new Array<number[]>(length).fill(row))).flat();
            const segments = segmentsOf(points.flatMap(() => lengths));
            const hidden = device.tensor(rows.flat(), [rows.length, hiddenSize]);
            const [all, size] = [await logits(device, seed, hidden, segments), rows.length / shares.length];
            const [first, second] = [all[0]!, all[2 * size]!];
            const expected = shares.flatMap((share) => new Array<number>(size).fill(first + share * (second - first)));
            // Nothing but rounding: in double precision it must be exact.
            const allowed = name === "reference" ? Math.min(tolerance, 1e-12) : tolerance;
            checkClose("logits on constant histories", all, expected, allowed);
          });
        });
      }

      const { unfolded, constantAt } = options;
      if (unfolded !== undefined) {
        it(`computes folded, in both views, what its equations say unfolded on ${name}`, async () => {
          const device = await sharedDevice(name);
          await check(async (seed, lengths) => {
            const segments = segmentsOf(lengths);
            const rowCount = segments.offsets.at(-1)!;
            const hidden = randomTensor(device, seed, [rowCount, hiddenSize]);
            const params = randomGateParams(device, gate, seed);
            const expected = await device.scope(() => unfolded(params, hidden, segments)).read();
            checkClose("logits", await logits(device, seed, hidden, segments), expected, tolerance);
            using history = gate.createHistory(device, { slotCount: lengths.length, capacity: 7 });
            const positions = lengths.map((length) => Array.from({ length }, (_, position) => position));
            const batch = {
              slots: Uint32Array.from(positions.flatMap((own) => new Array<number>(own.length).fill(history.open()))),
              positions: Uint32Array.from(positions.flat()),
            };
            const extended = device.scope(() => gate.extend(gate.fold(params), hidden, batch, history));
            checkClose("extended logits", await extended.read(), expected, tolerance);
          });
        });
      }

      if (constantAt !== undefined) {
        it(`is the constant gate of any alpha inside (0, 1) with the parameters named for it on ${name}`, async () => {
          const device = await sharedDevice(name);
          const inside = fc.double({ min: 1e-3, max: 0.999, noNaN: true });
          await fc.assert(
            fc.asyncProperty(fc.nat(), lengthsOf, inside, async (seed, lengths, alpha) => {
              const segments = segmentsOf(lengths);
              const hidden = randomTensor(device, seed, [segments.offsets.at(-1)!, hiddenSize]);
              const params = constantAt(randomGateParams(device, gate, seed), alpha);
              const u = [...(await device.scope(() => gate.logits(params, hidden, segments)).read())];
              // One number in every context, to the last bit.
              expect(new Set(u).size).toBe(1);
              const constant = await constantGate({ alpha }).logits({}, hidden, segments).read();
              checkClose("logits of the constant gate", u, constant, Math.min(tolerance, 1e-6));
              for (const value of u) expect(1 / (1 + Math.exp(-value))).toBeCloseTo(alpha, 6);
            }),
            runs,
          );
        });
      }

      if (!options.attendsToSets) continue;
      it(`is invariant to permuting and to replicating the history on ${name}`, async () => {
        const device = await sharedDevice(name);
        await check(async (seed, lengths) => {
          const length = Math.max(...lengths) + 1;
          const values = await randomTensor(device, seed, [length, hiddenSize]).read();
          const at = async (rows: readonly number[]) => {
            const picked = rows.flatMap((row) => [...values.slice(row * hiddenSize, (row + 1) * hiddenSize)]);
            const hidden = device.tensor(picked, [rows.length, hiddenSize]);
            return logits(device, seed, hidden, segmentsOf([rows.length]), Uint32Array.of(rows.length - 1));
          };
          const order = Array.from({ length }, (_, row) => row);
          const last = await at(order);
          const permuted = [...createRandom(seed).permutation(length - 1), length - 1];
          checkClose("the logit after a permuted history", await at(permuted), last, tolerance);
          checkClose(
            "the logit after a replicated history",
            await at(order.flatMap((row) => [row, row, row])),
            last,
            tolerance,
          );
        });
      });
    }
  });
}
