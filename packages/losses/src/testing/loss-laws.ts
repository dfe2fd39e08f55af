// What every implementation of the losses keeps: the values and gradients of scalar references, masks, pieces that add up,
// shift invariance, the swap of chosen and rejected, and finite numbers where σ saturates. Knows no implementation.
import { type Device, linearCrossEntropy, projectionTerms, type Tensor, valueAndGrad } from "@dual-head/tensor-core";
import { sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { gateEntropyLoss } from "../gate-entropy.ts";
import type { languageModelLoss } from "../lm.ts";
import { EmptyBatchError } from "../mask.ts";
import type { preferenceLoss, trajectoryRewards } from "../preference.ts";
import type { totalLoss } from "../total.ts";
import { checkScalarGradient } from "./scalar-gradient.ts";

/** The losses of E9 to E13. */
export interface Losses {
  readonly gateEntropyLoss: typeof gateEntropyLoss;
  readonly languageModelLoss: typeof languageModelLoss;
  readonly preferenceLoss: typeof preferenceLoss;
  readonly totalLoss: typeof totalLoss;
  readonly trajectoryRewards: typeof trajectoryRewards;
}

const runs = { seed: 20250317, numRuns: 11 };
const real = (bound: number) => fc.integer({ min: -64 * bound, max: 64 * bound }).map((value) => value / 64);
const vector = (bound: number, length = 7) => fc.array(real(bound), { minLength: length, maxLength: length });
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const entropyOf = (u: number) => -sigmoid(u) * Math.log(sigmoid(u)) - sigmoid(-u) * Math.log(sigmoid(-u));
const scalar = async (tensor: Tensor) => (await tensor.read())[0]!;
const toleranceOf = (device: Device) => (device.name === "reference" ? 1e-7 : 1e-4);

/** Runs the laws of one implementation of the losses under vitest, on every device there is. */
export function lossLaws(label: string, losses: Losses): void {
  const { gateEntropyLoss, languageModelLoss, preferenceLoss, totalLoss, trajectoryRewards } = losses;
  describe(`${label} keep the laws of losses (seed ${runs.seed})`, () => {
    for (const name of testDeviceNames) {
      describe(`losses on ${name}`, () => {
        it("languageModelLoss() is the mean over tokens, or as printed the mean over sequences of sums", async () => {
          const device = await sharedDevice(name);
          const sum = (nats: readonly number[]) => nats.reduce((a, b) => a + b, 0);
          await fc.assert(
            fc.asyncProperty(vector(3), async (nats) => {
              await checkScalarGradient(
                device,
                (x) => languageModelLoss(x),
                (x) => sum(x) / 7,
                nats,
                toleranceOf(device),
              );
              const printed = { reduction: "printed", sequenceCount: 3 } as const;
              await checkScalarGradient(
                device,
                (x) => languageModelLoss(x, printed),
                (x) => sum(x) / 3,
                nats,
                toleranceOf(device),
              );
            }),
            runs,
          );
        });

        it("preferenceLoss() is −log σ of β times the difference of summed log-probabilities", async () => {
          const device = await sharedDevice(name);
          const sequences = [0, 1, 1, 2, 3, 0, 2];
          const reward = (nats: readonly number[], sequence: number) =>
            -nats.reduce((total, value, at) => (sequences[at] === sequence ? total + value : total), 0);
          const reference = (nats: readonly number[]) =>
            [0, 1].reduce((total, pair) => {
              const margin = reward(nats, 2 * pair) - reward(nats, 2 * pair + 1);
              return total - Math.log(sigmoid(0.7 * margin)) / 2;
            }, 0);
          await fc.assert(
            fc.asyncProperty(vector(3), async (nats) => {
              const indices = device.tensor(Uint32Array.from(sequences), [7]);
              const of = (x: Tensor) => preferenceLoss(x, indices, { pairCount: 2, betaReward: 0.7 });
              await checkScalarGradient(device, (x) => of(x).loss, reference, nats, toleranceOf(device));
              const margins = await of(device.tensor(nats, [7])).margins.read();
              expect(margins[1]).toBeCloseTo(reward(nats, 2) - reward(nats, 3), 4);
              const rewards = await trajectoryRewards(device.tensor(nats, [7]), indices, 4).read();
              for (const [sequence, value] of rewards.entries()) expect(value).toBeCloseTo(reward(nats, sequence), 4);
            }),
            runs,
          );
        });

        it("gateEntropyLoss() is −λ times the mean entropy, and +λ as printed", async () => {
          const device = await sharedDevice(name);
          const mean = (u: readonly number[]) => u.reduce((sum, value) => sum + entropyOf(value), 0) / u.length;
          await fc.assert(
            fc.asyncProperty(vector(4), async (u) => {
              const [corrected, printed] = [{ lambdaGate: 0.3 }, { lambdaGate: 0.3, entropySign: "printed" as const }];
              await checkScalarGradient(
                device,
                (x) => gateEntropyLoss(x, corrected).loss,
                (x) => -0.3 * mean(x),
                u,
                toleranceOf(device),
              );
              await checkScalarGradient(
                device,
                (x) => gateEntropyLoss(x, printed).loss,
                (x) => 0.3 * mean(x),
                u,
                toleranceOf(device),
              );
              expect(await scalar(gateEntropyLoss(device.tensor(u, [7]), corrected).entropy)).toBeCloseTo(mean(u), 5);
            }),
            runs,
          );
        });

        it("totalLoss() is L_LM + λ_R·L_pref + L_α", async () => {
          const device = await sharedDevice(name);
          const [lm, preference, gate] = [3, 5, -7].map((value) => device.tensor([value], []));
          const terms = { lm: lm!, preference: preference!, gate: gate! };
          expect(await scalar(totalLoss(terms, { lambdaReward: 0.5 }))).toBe(-1.5);
          expect(await scalar(totalLoss({ ...terms, preference: null, gate: null }, { lambdaReward: 0.5 }))).toBe(3);
        });
      });
    }

    describe("masks", () => {
      it("leave masked rows without influence and without gradient", async () => {
        const device = await sharedDevice("reference");
        await fc.assert(
          fc.asyncProperty(
            vector(3),
            fc.array(fc.nat({ max: 1 }), { minLength: 7, maxLength: 7 }),
            async (values, drawn) => {
              const mask = [...drawn.slice(0, 6), 1];
              const kept = values.filter((_, at) => mask[at] === 1);
              for (const loss of [
                (x: Tensor, m?: number[]) => languageModelLoss(x, m === undefined ? {} : { mask: m }),
                (x: Tensor, m?: number[]) =>
                  gateEntropyLoss(x, { lambdaGate: 1, ...(m === undefined ? {} : { mask: m }) }).loss,
              ]) {
                const masked = valueAndGrad((x: Tensor) => loss(x, mask))(device.tensor(values, [7]));
                expect(await scalar(masked.value)).toBeCloseTo(
                  await scalar(loss(device.tensor(kept, [kept.length]))),
                  12,
                );
                for (const [at, gradient] of (await masked.grad.read()).entries()) {
                  if (mask[at] === 0) expect(Math.abs(gradient)).toBe(0);
                }
              }
            },
          ),
          runs,
        );
      });

      it("that hide every label are an error", async () => {
        const device = await sharedDevice("reference");
        const values = device.tensor([1, 2, 3], [3]);
        expect(() => languageModelLoss(values, { mask: [0, 0, 0] })).toThrow(EmptyBatchError);
        expect(() => gateEntropyLoss(values, { lambdaGate: 1, mask: [0, 0, 0] })).toThrow(/all 3 labels/);
        expect(() =>
          preferenceLoss(values, device.tensor(Uint32Array.of(0, 0, 1), [3]), { pairCount: 0, betaReward: 1 }),
        ).toThrow(EmptyBatchError);
        expect(() => languageModelLoss(values, { mask: [1] })).toThrow(RangeError);
        expect(() => languageModelLoss(values, { reduction: "printed" })).toThrow(/positive sequenceCount/);
      });
    });

    describe("pieces of a batch", () => {
      it("add up to the whole", async () => {
        const device = await sharedDevice("reference");
        await fc.assert(
          fc.asyncProperty(vector(3, 8), async (values) => {
            const tensor = (from: number, to: number) => device.tensor(values.slice(from, to), [to - from]);
            const indices = device.tensor(Uint32Array.of(0, 0, 1, 1), [4]);
            const twice = device.tensor(Uint32Array.of(0, 0, 1, 1, 2, 2, 3, 3), [8]);
            const counts = { tokenCount: 8 };
            const add = async (of: (x: Tensor) => Tensor) =>
              (await scalar(of(tensor(0, 4)))) + (await scalar(of(tensor(4, 8))));
            expect(await add((x) => languageModelLoss(x, counts))).toBeCloseTo(
              await scalar(languageModelLoss(tensor(0, 8))),
              12,
            );
            const entropy = { lambdaGate: 0.5, ...counts };
            expect(await add((x) => gateEntropyLoss(x, entropy).loss)).toBeCloseTo(
              await scalar(gateEntropyLoss(tensor(0, 8), entropy).loss),
              12,
            );
            const piece = { pairCount: 1, totalPairCount: 2, betaReward: 0.3 };
            expect(await add((x) => preferenceLoss(x, indices, piece).loss)).toBeCloseTo(
              await scalar(preferenceLoss(tensor(0, 8), twice, { pairCount: 2, betaReward: 0.3 }).loss),
              12,
            );
          }),
          runs,
        );
      });
    });

    describe("what the losses promise", () => {
      it("is unchanged by a shift of all logits", async () => {
        const device = await sharedDevice("reference");
        await fc.assert(
          fc.asyncProperty(vector(3, 6), real(50), async (values, shift) => {
            const nats = (by: number) => {
              const hidden = device.tensor([...values, 1, 1], [2, 4]);
              const weight = device.tensor(
                Array.from({ length: 12 }, (_, at) => Math.sin(at)),
                [3, 4],
              );
              const bias = device.tensor([by, by, by], [3, 1]);
              const terms = projectionTerms(hidden, [
                { projection: { kind: "linear", weight, bias }, coefficient: null },
              ]);
              return linearCrossEntropy(terms, device.tensor(Uint32Array.of(2, 1), [2]));
            };
            expect(await scalar(languageModelLoss(nats(shift)))).toBeCloseTo(
              await scalar(languageModelLoss(nats(0))),
              9,
            );
          }),
          runs,
        );
      });

      it("swapping chosen and rejected mirrors the margin, and the losses differ by β times it", async () => {
        const device = await sharedDevice("reference");
        await fc.assert(
          fc.asyncProperty(vector(3, 5), async (values) => {
            const of = (sequences: number[]) =>
              preferenceLoss(device.tensor(values, [5]), device.tensor(Uint32Array.from(sequences), [5]), {
                pairCount: 1,
                betaReward: 0.4,
              });
            const [one, other] = [of([0, 0, 1, 1, 1]), of([1, 1, 0, 0, 0])];
            const margin = await scalar(one.margins);
            expect(await scalar(other.margins)).toBeCloseTo(-margin, 12);
            expect((await scalar(other.loss)) - (await scalar(one.loss))).toBeCloseTo(0.4 * margin, 9);
          }),
          runs,
        );
      });

      it("stays finite where σ saturates, on every device", async () => {
        for (const name of testDeviceNames) {
          const device = await sharedDevice(name);
          const differentiated = valueAndGrad((x: Tensor) => gateEntropyLoss(x, { lambdaGate: 1 }).loss)(
            device.tensor([-1e4, -100, 100, 1e4], [4]),
          );
          expect(await scalar(differentiated.value)).toBeCloseTo(0, 12);
          expect([...(await differentiated.grad.read())].every((value) => Math.abs(value) < 1e-20)).toBe(true);
          const huge = preferenceLoss(device.tensor([0, 4000], [2]), device.tensor(Uint32Array.of(1, 0), [2]), {
            pairCount: 1,
            betaReward: 1,
          });
          expect(await scalar(huge.loss)).toBeCloseTo(4000, 2);
        }
      });
    });
  });
}
