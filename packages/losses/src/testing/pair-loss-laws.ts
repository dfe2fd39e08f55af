// What every implementation of the peers' losses over pairs keeps: values and gradients of scalar references, limits that
// are other losses, pieces that add up, the swap of chosen and rejected, finite numbers. Knows no implementation.
import { type Device, gatherRows, reshape, type Tensor } from "@dual-head/tensor-core";
import { sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { bradleyTerryLoss } from "../bradley-terry.ts";
import type { dpoLoss } from "../dpo.ts";
import { EmptyBatchError } from "../mask.ts";
import type { PreferenceLoss, preferenceLoss } from "../preference.ts";
import type { simpoLoss } from "../simpo.ts";
import { checkScalarGradient } from "./scalar-gradient.ts";

/** The losses of DPO, SimPO and the Bradley-Terry model, with the preference loss they are compared with. */
export interface PairLosses {
  readonly dpoLoss: typeof dpoLoss;
  readonly simpoLoss: typeof simpoLoss;
  readonly bradleyTerryLoss: typeof bradleyTerryLoss;
  readonly preferenceLoss: typeof preferenceLoss;
}

/** One way of calling one of the losses on a vector, [7] nats of two pairs or [4] scores, with its scalar reference. */
interface PairCase {
  readonly name: string;
  readonly size: number;
  of(values: Tensor, pairs?: "swapped"): PreferenceLoss;
  reference(values: readonly number[]): number;
  margins(values: readonly number[]): readonly number[];
}

const runs = { seed: 20250401, numRuns: 11 };
const real = (bound: number) => fc.integer({ min: -64 * bound, max: 64 * bound }).map((value) => value / 64);
const vector = (bound: number, length: number) => fc.array(real(bound), { minLength: length, maxLength: length });
const logSigmoid = (x: number) => -Math.log1p(Math.exp(-x));
const scalar = async (tensor: Tensor) => (await tensor.read())[0]!;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The sequence of each of seven tokens; lengths 2, 2, 2 and 1. */
const sequences = [0, 1, 1, 2, 3, 0, 2];
const lengths = [2, 2, 2, 1];
const swap = (sequence: number) => sequence ^ 1;
const reference = [-1.5, -0.25, -2, -3.5];
const logp = (nats: readonly number[], sequence: number) =>
  -nats.reduce((sum, value, at) => (sequences[at] === sequence ? sum + value : sum), 0);
const ofPairs = (compare: (chosen: number, rejected: number) => number) => [compare(0, 1), compare(2, 3)];

function casesOf({ dpoLoss, simpoLoss, bradleyTerryLoss }: PairLosses): readonly PairCase[] {
  const indices = (device: Device, swapped: boolean) =>
    device.tensor(Uint32Array.from(swapped ? sequences.map(swap) : sequences), [7]);
  const dpo = (labelSmoothing: number): PairCase => {
    const margins = (nats: readonly number[]) =>
      ofPairs((i, j) => logp(nats, i) - reference[i]! - (logp(nats, j) - reference[j]!));
    return {
      name: `dpoLoss() with label smoothing ${labelSmoothing}`,
      size: 7,
      of: (x, pairs) =>
        dpoLoss(x, indices(x.device, pairs === "swapped"), {
          pairCount: 2,
          beta: 0.7,
          labelSmoothing,
          reference: pairs === "swapped" ? reference.map((_, at) => reference[swap(at)]!) : reference,
        }),
      reference: (nats) =>
        mean(
          margins(nats).map((d) => -(1 - labelSmoothing) * logSigmoid(0.7 * d) - labelSmoothing * logSigmoid(-0.7 * d)),
        ),
      margins,
    };
  };
  const simpo = (gammaRatio: number): PairCase => {
    const margins = (nats: readonly number[]) =>
      ofPairs((i, j) => logp(nats, i) / lengths[i]! - logp(nats, j) / lengths[j]!);
    return {
      name: `simpoLoss() with gamma/beta ${gammaRatio}`,
      size: 7,
      of: (x, pairs) => simpoLoss(x, indices(x.device, pairs === "swapped"), { pairCount: 2, beta: 2.5, gammaRatio }),
      reference: (nats) => mean(margins(nats).map((d) => -logSigmoid(2.5 * (d - gammaRatio)))),
      margins,
    };
  };
  const bradleyTerry = (margin: number | readonly number[], centre: number): PairCase => {
    const margins = (r: readonly number[]) => ofPairs((i, j) => r[i]! - r[j]!);
    const wanted = (pair: number) => (typeof margin === "number" ? margin : margin[pair]!);
    return {
      name: `bradleyTerryLoss() with margin ${margin} and centre ${centre}`,
      size: 4,
      of: (x, pairs) => {
        const order = Uint32Array.from(pairs === "swapped" ? [1, 0, 3, 2] : [0, 1, 2, 3]);
        return bradleyTerryLoss(permuted(x, order), { pairCount: 2, margin, centre });
      },
      reference: (r) =>
        mean(margins(r).map((d, pair) => -logSigmoid(d - wanted(pair)))) +
        centre * mean(ofPairs((i, j) => (r[i]! + r[j]!) ** 2)),
      margins,
    };
  };
  return [
    dpo(0),
    dpo(0.1),
    simpo(0),
    simpo(0.5),
    bradleyTerry(0, 0),
    bradleyTerry(0.5, 0.01),
    bradleyTerry([0.25, 2], 0),
  ];
}

/** Entries of a vector in another order. */
function permuted(x: Tensor, order: Uint32Array): Tensor {
  const rows = gatherRows(reshape(x, [x.shape[0]!, 1]), x.device.tensor(order, [order.length]));
  return reshape(rows, [order.length]);
}

/** Runs the laws under vitest, on every device there is. */
export function pairLossLaws(label: string, losses: PairLosses): void {
  const { dpoLoss, simpoLoss, bradleyTerryLoss, preferenceLoss } = losses;
  const cases = casesOf(losses);
  describe(`${label} keep the laws of losses over pairs (seed ${runs.seed})`, () => {
    for (const name of testDeviceNames) {
      it.each(cases)(`$name has the value and gradient of its formula on ${name}`, async (each) => {
        const device = await sharedDevice(name);
        await fc.assert(
          fc.asyncProperty(vector(3, each.size), async (values) => {
            const tolerance = device.name === "reference" ? 1e-7 : 1e-4;
            await checkScalarGradient(device, (x) => each.of(x).loss, each.reference, values, tolerance);
            const margins = await each.of(device.tensor(values, [each.size])).margins.read();
            for (const [pair, expected] of each.margins(values).entries())
              expect(margins[pair]).toBeCloseTo(expected, 4);
          }),
          runs,
        );
      });
    }

    it.each(cases)("$name mirrors its margins where chosen and rejected are swapped", async (each) => {
      const device = await sharedDevice("reference");
      await fc.assert(
        fc.asyncProperty(vector(3, each.size), async (values) => {
          const x = device.tensor(values, [each.size]);
          const [one, other] = [await each.of(x).margins.read(), await each.of(x, "swapped").margins.read()];
          for (const [pair, margin] of one.entries()) expect(other[pair]).toBeCloseTo(-margin, 12);
        }),
        runs,
      );
    });

    it("dpoLoss() with a reference that is equal for both is the preference loss", async () => {
      const device = await sharedDevice("reference");
      await fc.assert(
        fc.asyncProperty(vector(3, 7), real(9), async (values, level) => {
          const [nats, indices] = [device.tensor(values, [7]), device.tensor(Uint32Array.from(sequences), [7])];
          const flat = [level, level, level, level];
          const dpo = dpoLoss(nats, indices, { pairCount: 2, beta: 0.3, reference: flat }).loss;
          const own = preferenceLoss(nats, indices, { pairCount: 2, betaReward: 0.3 }).loss;
          expect(await scalar(dpo)).toBeCloseTo(await scalar(own), 10);
        }),
        runs,
      );
    });

    it("dpoLoss() of the reference itself is ln 2, whatever the smoothing", async () => {
      const device = await sharedDevice("reference");
      await fc.assert(
        fc.asyncProperty(vector(3, 7), fc.integer({ min: 0, max: 49 }), async (values, hundredths) => {
          const loss = dpoLoss(device.tensor(values, [7]), device.tensor(Uint32Array.from(sequences), [7]), {
            pairCount: 2,
            beta: 0.1,
            labelSmoothing: hundredths / 100,
            reference: [0, 1, 2, 3].map((sequence) => logp(values, sequence)),
          }).loss;
          expect(await scalar(loss)).toBeCloseTo(Math.LN2, 12);
        }),
        runs,
      );
    });

    it("simpoLoss() does not change where a response is repeated", async () => {
      const device = await sharedDevice("reference");
      await fc.assert(
        fc.asyncProperty(vector(3, 5), async (values) => {
          const of = (nats: readonly number[], own: readonly number[]) =>
            simpoLoss(device.tensor([...nats], [nats.length]), device.tensor(Uint32Array.from(own), [own.length]), {
              pairCount: 1,
              beta: 2,
              gammaRatio: 0.3,
            }).loss;
          const once = await scalar(of(values, [0, 0, 1, 1, 1]));
          const repeated = await scalar(of([...values.slice(0, 2), ...values], [0, 0, 0, 0, 1, 1, 1]));
          expect(repeated).toBeCloseTo(once, 12);
        }),
        runs,
      );
    });

    it("bradleyTerryLoss() is unchanged by a shift of all scores, but for the term that centres them", async () => {
      const device = await sharedDevice("reference");
      await fc.assert(
        fc.asyncProperty(vector(3, 4), real(9), async (values, shift) => {
          const of = (by: number, centre: number) =>
            scalar(
              bradleyTerryLoss(
                device.tensor(
                  values.map((each) => each + by),
                  [4],
                ),
                { pairCount: 2, centre },
              ).loss,
            );
          expect(await of(shift, 0)).toBeCloseTo(await of(0, 0), 10);
          const sums = ofPairs((i, j) => values[i]! + values[j]!);
          const change = mean(sums.map((sum) => (sum + 2 * shift) ** 2 - sum ** 2));
          expect((await of(shift, 0.5)) - (await of(0, 0.5))).toBeCloseTo(0.5 * change, 8);
        }),
        runs,
      );
    });

    it("pieces of a batch add up to the whole", async () => {
      const device = await sharedDevice("reference");
      await fc.assert(
        fc.asyncProperty(vector(3, 8), async (values) => {
          const part = (from: number, to: number) => device.tensor(values.slice(from, to), [to - from]);
          const two = device.tensor(Uint32Array.of(0, 0, 1, 1), [4]);
          const four = device.tensor(Uint32Array.of(0, 0, 1, 1, 2, 2, 3, 3), [8]);
          const piece = { pairCount: 1, totalPairCount: 2 };
          const whole = { pairCount: 2 };
          const dpo = { beta: 0.4, labelSmoothing: 0.2 };
          const simpo = { beta: 2, gammaRatio: 0.5 };
          const centred = { centre: 0.1, margin: 0.5 };
          for (const [sum, expected] of [
            [
              [
                dpoLoss(part(0, 4), two, { ...dpo, ...piece, reference: reference.slice(0, 2) }),
                dpoLoss(part(4, 8), two, { ...dpo, ...piece, reference: reference.slice(2) }),
              ],
              dpoLoss(part(0, 8), four, { ...dpo, ...whole, reference }),
            ],
            [
              [simpoLoss(part(0, 4), two, { ...simpo, ...piece }), simpoLoss(part(4, 8), two, { ...simpo, ...piece })],
              simpoLoss(part(0, 8), four, { ...simpo, ...whole }),
            ],
            [
              [
                bradleyTerryLoss(part(0, 2), { ...centred, ...piece }),
                bradleyTerryLoss(part(2, 4), { ...centred, ...piece }),
              ],
              bradleyTerryLoss(part(0, 4), { ...centred, ...whole }),
            ],
          ] as const) {
            const [a, b] = [await scalar(sum[0]!.loss), await scalar(sum[1]!.loss)];
            expect(a + b).toBeCloseTo(await scalar(expected.loss), 10);
          }
        }),
        runs,
      );
    });

    it.each(testDeviceNames)("stay finite where σ saturates on %s", async (name) => {
      const device = await sharedDevice(name);
      for (const [far, expected] of [
        [4000, 0.1 * 4000],
        [-4000, 0.9 * 4000],
      ] as const) {
        const [nats, indices] = [device.tensor([0, far], [2]), device.tensor(Uint32Array.of(0, 1), [2])];
        const options = { pairCount: 1, beta: 1, labelSmoothing: 0.1, reference: [0, 0] };
        expect(await scalar(dpoLoss(nats, indices, options).loss)).toBeCloseTo(expected, 2);
        const simpo = simpoLoss(nats, indices, { pairCount: 1, beta: 1, gammaRatio: 0 }).loss;
        expect(await scalar(simpo)).toBeCloseTo(Math.max(0, -far), 2);
      }
      const scores = device.tensor([-2000, 2000], [2]);
      expect(await scalar(bradleyTerryLoss(scores, { pairCount: 1 }).loss)).toBeCloseTo(4000, 2);
    });

    it("refuse batches without a pair, references and margins that are not the pairs', and too much smoothing", async () => {
      const device = await sharedDevice("reference");
      const [nats, indices] = [device.tensor([1, 2], [2]), device.tensor(Uint32Array.of(0, 1), [2])];
      const none = { pairCount: 0 };
      expect(() => dpoLoss(nats, indices, { ...none, beta: 1, reference: [] })).toThrow(EmptyBatchError);
      expect(() => simpoLoss(nats, indices, { ...none, beta: 1, gammaRatio: 0 })).toThrow(EmptyBatchError);
      expect(() => bradleyTerryLoss(nats, none)).toThrow(EmptyBatchError);
      const dpo = { pairCount: 1, beta: 1, reference: [0, 0] };
      expect(() => dpoLoss(nats, indices, { ...dpo, reference: [0] })).toThrow("must have 2");
      expect(() => dpoLoss(nats, indices, { ...dpo, labelSmoothing: 0.5 })).toThrow("labelSmoothing is 0.5");
      expect(() => bradleyTerryLoss(nats, { pairCount: 1, margin: [1, 2] })).toThrow("must be 1");
    });
  });
}
