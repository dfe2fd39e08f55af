// What every reward head keeps: declared shapes, determinism by seed, a gradient, folding to one matrix, an untouched
// language-model head, and of an encoding the laws of causal readers. Knows no particular head.
import {
  createRandom,
  type Device,
  leavesOf,
  linearCrossEntropy,
  type Projection,
  project,
  projectionTerms,
  segmentsOf,
  sumTo,
  type Tensor,
  valueAndGrad,
} from "@dual-head/tensor-core";
import { causalReaderLaws, checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ofFeatures } from "../encoding.ts";
import { foldConstant } from "../fold.ts";
import { HeadError, type HeadParams, type RewardHead } from "../reward-head.ts";

/** Options of `rewardHeadLaws`. */
export interface RewardHeadLawOptions {
  /** Whether an untrained head has the logits of the language-model head. */
  readonly startsAsBase: boolean;
  /** Whether the head is linear in the hidden states, so that it folds into one matrix (default true); else it refuses to. */
  readonly folds?: boolean;
  /** Whether it makes features of its own (default false). */
  readonly encodes?: boolean;
  /** The largest difference allowed on single-precision devices, relative; defaults to 2e-5. */
  readonly tolerance?: number;
}

const [hiddenSize, vocabSize, rowCount] = [5, 11, 7];

/** Runs the laws of one head under vitest, on every device there is. */
export function rewardHeadLaws(label: string, head: RewardHead, options: RewardHeadLawOptions): void {
  const tolerance = options.tolerance ?? 2e-5;
  const drawn = (device: Device, seed: number) =>
    perturbed(device, head.init(device, seed, randomHead(device, seed, false)), seed);
  describe(`${label} keeps the laws of a reward head`, () => {
    it("reads history only where it says so, and hidden states by an encoding only where its projection asks for one", async () => {
      const device = await sharedDevice("reference");
      const params = drawn(device, 3);
      const { kind } = head.projection(params, randomHead(device, 3, false));
      expect(kind === "features").toBe(options.encodes === true);
      expect(head.encoding(params) !== null).toBe(options.encodes === true);
      const values = [...(await randomTensor(device, 7, [rowCount, hiddenSize]).read())];
      const last = async (rows: readonly number[]) => {
        const hidden = device.tensor(rows, [rows.length / hiddenSize, hiddenSize]);
        const asked = Uint32Array.of(hidden.shape[0]! - 1);
        return (
          head
            .encoding(params)
            ?.read(hidden, segmentsOf([hidden.shape[0]!]), asked)
            .read() ?? null
        );
      };
      const [whole, alone] = [await last(values), await last(values.slice(-hiddenSize))];
      expect(JSON.stringify(whole) !== JSON.stringify(alone)).toBe(head.readsHistory);
    });
    for (const name of testDeviceNames) {
      it(`has the declared shapes and starts from its seed on ${name}`, async () => {
        const device = await sharedDevice(name);
        const lmHead = randomHead(device, 3, true);
        const before = await lmHead.weight.read();
        const params = head.init(device, 23, lmHead);
        const shapes = leavesOf<Tensor>(params).map(({ path, leaf }) => [path, leaf.shape]);
        expect(Object.fromEntries(shapes)).toEqual(head.parameterShapes(hiddenSize, vocabSize));
        const elements = shapes.map(([, shape]) => (shape as number[]).reduce((a, b) => a * b, 1));
        expect(head.parameterCount(hiddenSize, vocabSize)).toBe(elements.reduce((a, b) => a + b, 0));
        const again = head.init(device, 23, lmHead);
        for (const [index, { leaf }] of leavesOf<Tensor>(params).entries()) {
          expect(await leaf.read()).toEqual(await leavesOf<Tensor>(again)[index]!.leaf.read());
        }
        const hidden = randomTensor(device, 29, [rowCount, hiddenSize]);
        const own = await logitsOf(hidden, readBy(head, params, lmHead, hidden)).read();
        const base = await logitsOf(hidden, lmHead).read();
        if (options.startsAsBase) checkClose("untrained logits", own, base, tolerance);
        expect(await lmHead.weight.read()).toEqual(before);
      });

      it(`folds with the language-model head into one matrix, or refuses, on ${name}`, async () => {
        const device = await sharedDevice(name);
        if (options.folds === false) {
          const lmHead = randomHead(device, 3, true);
          const projection = head.projection(head.init(device, 23, lmHead), lmHead);
          expect(() => foldConstant(lmHead, projection, 0.5)).toThrow(HeadError);
          return;
        }
        await fc.assert(
          fc.asyncProperty(
            fc.double({ min: 0, max: 1, noNaN: true }),
            fc.integer(),
            fc.boolean(),
            async (alpha, seed, bias) => {
              const lmHead = randomHead(device, seed, bias);
              const params = perturbed(device, head.init(device, seed, lmHead), seed);
              const projection = head.projection(params, lmHead);
              const hidden = randomTensor(device, seed, [rowCount, hiddenSize]);
              const folded = await logitsOf(hidden, foldConstant(lmHead, projection, alpha)).read();
              const lm = await logitsOf(hidden, lmHead).read();
              const rm = await logitsOf(hidden, projection).read();
              const expected = Array.from(lm, (value, index) => (1 - alpha) * value + alpha * rm[index]!);
              checkClose("folded logits", folded, expected, tolerance);
            },
          ),
          { seed: 41, numRuns: 7 },
        );
      });

      it(`has a gradient at the start on ${name}`, async () => {
        const device = await sharedDevice(name);
        const lmHead = randomHead(device, 5, false);
        const hidden = randomTensor(device, 7, [rowCount, hiddenSize]);
        const targets = device.tensor(
          Uint32Array.from({ length: rowCount }, (_, row) => (3 * row) % vocabSize),
          [rowCount],
        );
        const differentiate = valueAndGrad((params: ReturnType<typeof head.init>) =>
          sumTo(
            linearCrossEntropy(
              projectionTerms(hidden, [{ projection: readBy(head, params, lmHead, hidden), coefficient: null }]),
              targets,
            ),
            [],
          ),
        );
        const { grad } = differentiate(head.init(device, 13, lmHead));
        let largest = 0;
        for (const { leaf } of leavesOf<Tensor>(grad)) {
          for (const value of await leaf.read()) largest = Math.max(largest, Math.abs(value));
        }
        expect(largest).toBeGreaterThan(1e-3);
      });
    }
  });
  if (options.encodes !== true) return;
  causalReaderLaws(`the encoding of ${label}`, {
    create: (device, seed) => head.encoding(drawn(device, seed))!,
    hiddenSize,
    tolerance,
  });
}

/** The head's projection of these hidden states, one segment. */
function readBy(head: RewardHead, params: HeadParams, lmHead: Projection, hidden: Tensor): Projection {
  const features = head.encoding(params)?.read(hidden, segmentsOf([hidden.shape[0]!])) ?? null;
  return ofFeatures(head.projection(params, lmHead), features);
}

function logitsOf(hidden: Tensor, projection: Projection): Tensor {
  return project(projectionTerms(hidden, [{ projection, coefficient: null }]));
}

function randomTensor(device: Device, seed: number, shape: readonly number[]): Tensor {
  const random = createRandom(seed, shape.join("x"));
  const size = shape.reduce((product, extent) => product * extent, 1);
  return device.tensor(
    Array.from({ length: size }, () => random.normal()),
    shape,
  );
}

function randomHead(device: Device, seed: number, bias: boolean): Projection & { readonly kind: "linear" } {
  return {
    kind: "linear",
    weight: randomTensor(device, seed, [vocabSize, hiddenSize]),
    bias: bias ? randomTensor(device, seed + 1, [vocabSize, 1]) : null,
  };
}

/** Parameters away from their start, since a start at zero hides mistakes. */
function perturbed<Params extends Readonly<Record<string, Tensor | null>>>(
  device: Device,
  params: Params,
  seed: number,
): Params {
  const entries = Object.entries(params).map(([name, leaf], index) => [
    name,
    leaf === null ? null : randomTensor(device, seed + index, leaf.shape),
  ]);
  return Object.fromEntries(entries) as Params;
}
