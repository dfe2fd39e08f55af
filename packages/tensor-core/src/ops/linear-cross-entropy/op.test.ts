// The laws of linearCrossEntropy with several terms, and of its gradient op for every choice of wanted inputs; what is saved
// for the gradient: the same bits in any budget, none without a tape, and no more at a time than the device allows.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { valueAndGrad } from "../../autodiff/value-and-grad.ts";
import { type Device, openDevice } from "../../device.ts";
import { apply } from "../../dispatch.ts";
import { DeviceError, ShapeError } from "../../errors.ts";
import { sizeOf } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import {
  checkClose,
  extent,
  floats,
  indices,
  type OpCase,
  opLaws,
  sharedDevice,
  testDeviceNames,
} from "../../testing/index.ts";
import { add, multiply } from "../binary/op.ts";
import { sumTo } from "../broadcast/op.ts";
import { logSoftmax } from "../log-softmax/op.ts";
import { project, type Term } from "../project/op.ts";
import { tokenChunk } from "./cpu.ts";
import {
  type LinearCrossEntropyAttrs,
  linearCrossEntropy,
  linearCrossEntropyGradOp,
  linearCrossEntropyOp,
} from "./op.ts";

const wave = (size: number, pace: number): number[] =>
  Array.from({ length: size }, (_, index) => Math.sin(pace * (index + 1)));

const calls: fc.Arbitrary<OpCase<LinearCrossEntropyAttrs>> = fc
  .tuple(extent(13), extent(41), fc.array(extent(19), { minLength: 1, maxLength: 3 }))
  .chain(([rowCount, vocabSize, widths]) =>
    fc.record({
      inputs: fc.tuple(
        indices([rowCount], vocabSize),
        ...widths.flatMap((width) => [floats([rowCount, width]), floats([vocabSize, width])]),
      ),
      attrs: fc.constant({ saved: 0 }),
    }),
  );

opLaws(linearCrossEntropyOp, { cases: calls, runCount: 20 });

it("on cpu a logit that is no number spoils its own row, wherever it stands among the tokens", async () => {
  const device = await sharedDevice("cpu");
  const [rowCount, vocabSize] = [3, 2071];
  for (const token of [0, 1029, 2047, 2048, 2070]) {
    // Row 1 has 0·∞ at this token, the others −∞.
    const column = new Float32Array(vocabSize).fill(0.5);
    column[token] = -Infinity;
    using nats = device.scope(() =>
      linearCrossEntropy(
        [{ features: device.tensor([1, 0, 2], [rowCount, 1]), weight: device.tensor(column, [vocabSize, 1]) }],
        device.tensor(Uint32Array.of(5, 6, 7), [rowCount]),
      ),
    );
    expect([...(await nats.read())].map(Number.isNaN)).toEqual([false, true, false]);
  }
});

opLaws(linearCrossEntropyGradOp, {
  cases: calls.chain((call) => {
    const inputs = call.inputs.map(({ values, shape, dtype }) => ({
      shape,
      dtype: dtype ?? ("f64" as const),
      data: Float64Array.from(values),
    }));
    const outputs = linearCrossEntropyOp
      .infer(inputs, call.attrs)
      .map((spec) => ({ ...spec, data: new Float64Array(sizeOf(spec.shape)) }));
    linearCrossEntropyOp.reference({ inputs, outputs, attrs: call.attrs });
    const logNormaliser = { shape: outputs[1]!.shape, values: [...outputs[1]!.data] };
    const savedLogits = { shape: outputs[2]!.shape, values: [] };
    const termCount = call.inputs.length - 1;
    return fc
      .tuple(floats(outputs[0]!.shape), fc.array(fc.boolean(), { minLength: termCount, maxLength: termCount }))
      .filter(([, needs]) => needs.includes(true))
      .map(([g, needs]) => ({ inputs: [g, logNormaliser, savedLogits, ...call.inputs], attrs: { needs } }));
  }),
  runCount: 20,
});

describe.each(testDeviceNames)("linearCrossEntropy() on %s", (deviceName) => {
  it("equals the log-softmax of materialised logits across chunk borders", async () => {
    const device = await sharedDevice(deviceName);
    const [rowCount, vocabSize, width] = [11, 5003, 7];
    const targets = Uint32Array.from({ length: rowCount }, (_, row) => (row * 977) % vocabSize);
    const { nats, logp } = device.scope(() => {
      const terms = [
        {
          features: device.tensor(wave(rowCount * width, 0.37), [rowCount, width]),
          weight: device.tensor(wave(vocabSize * width, 0.73), [vocabSize, width]),
        },
      ];
      return { nats: linearCrossEntropy(terms, device.tensor(targets, [rowCount])), logp: logSoftmax(project(terms)) };
    });
    const expected = await logp.read();
    const actual = await nats.read();
    checkClose(
      "nats",
      actual,
      Array.from(targets, (target, row) => -expected[row * vocabSize + target]!),
      2e-5,
    );
    expect(actual.length).toBe(rowCount);
    nats.dispose();
    logp.dispose();
  });

  it.each([1000, -1000])("is the same where every logit is %i higher", async (shift) => {
    const device = await sharedDevice(deviceName);
    const vocabSize = 2089;
    // Eighths stay exact beside the shift; the highest logits come last.
    const logits = Array.from({ length: vocabSize }, (_, token) => Math.floor(token / 256) / 8);
    const logNormaliser = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    const nats = device.scope(() =>
      linearCrossEntropy(
        [
          {
            features: device.tensor([1, 1], [2, 1]),
            weight: device.tensor(
              logits.map((logit) => logit + shift),
              [vocabSize, 1],
            ),
          },
        ],
        device.tensor(Uint32Array.of(3, 2088), [2]),
      ),
    );
    const expected = [logNormaliser - logits[3]!, logNormaliser - logits[2088]!];
    checkClose("nats", await nats.read(), expected, 1e-5);
    nats.dispose();
  });
});

describe.each(testDeviceNames.filter((name) => name !== "reference"))(
  "linearCrossEntropyGrad() on %s",
  (deviceName) => {
    // More rows and tokens than one block of logits holds on cpu; webgpu has its own test of ranges.
    const [rowCount, vocabSize, width] = [523, 2081, 3];

    async function gradients(device: Device): Promise<ArrayLike<number>[]> {
      const targets = Uint32Array.from({ length: rowCount }, (_, row) => (row * 977) % vocabSize);
      const { grad } = device.scope(() => {
        const rowWeights = device.tensor(wave(rowCount, 0.61), [rowCount]);
        return valueAndGrad((term: Term) =>
          sumTo(multiply(rowWeights, linearCrossEntropy([term], device.tensor(targets, [rowCount]))), []),
        )({
          features: device.tensor(wave(rowCount * width, 0.37), [rowCount, width]),
          weight: device.tensor(wave(vocabSize * width, 0.73), [vocabSize, width]),
        });
      });
      const read = [await grad.features.read(), await grad.weight.read()];
      grad.features.dispose();
      grad.weight.dispose();
      return read;
    }

    it("is the oracle's across the borders of blocks", async () => {
      const expected = await gradients(await sharedDevice("reference"));
      const actual = await gradients(await sharedDevice(deviceName));
      checkClose("gradient of the features", actual[0]!, expected[0]!, 2e-5);
      checkClose("gradient of the weight", actual[1]!, expected[1]!, 2e-5);
    });

    it("is zero for weights that no row has used", async () => {
      const device = await sharedDevice(deviceName);
      // What the memory held before must not show.
      device.tensor(new Float32Array(15).fill(7), [5, 3]).dispose();
      const { grad } = device.scope(() =>
        valueAndGrad((weight: Tensor) => {
          const features = device.tensor([], [0, 3]);
          return sumTo(linearCrossEntropy([{ features, weight }], device.tensor(new Uint32Array(0), [0])), []);
        })(device.tensor(wave(15, 0.3), [5, 3])),
      );
      expect([...(await grad.read())]).toEqual(new Array(15).fill(0));
      grad.dispose();
    });
  },
);

it("on cpu slopes are exponentials to 2 ulp where those are normal numbers, and nothing below", async () => {
  const device = await sharedDevice("cpu");
  const smallest = 2 ** -126;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.double({ min: -120, max: 1e-6, noNaN: true }), { minLength: 1 }), async (chosen) => {
      const logits = Float32Array.of(0, ...chosen, -Infinity, Number.NaN);
      const column = [logits.length, 1];
      // One row of feature 1, log-normaliser 0 and g 1: the gradient of the weight is exp(logit), less 1 at the target.
      using slopes = device.scope(() => {
        const [one, zero] = [device.tensor([1], [1]), device.tensor([0], [1])];
        const inputs = [one, zero, device.tensor([], [1, 0]), device.tensor(Uint32Array.of(0), [1])];
        const terms = [device.tensor([1], [1, 1]), device.tensor(logits, column)];
        return apply(linearCrossEntropyGradOp, [...inputs, ...terms], { needs: [false, true] })[0]!;
      });
      const [atTarget, ...actual] = await slopes.read();
      expect(atTarget).toBe(0);
      for (const [index, slope] of actual.entries()) {
        const exact = Math.exp(logits[index + 1]!);
        if (Number.isNaN(exact)) expect(slope).toBeNaN();
        else if (exact >= 1.001 * smallest) expect(Math.abs(slope! / exact - 1)).toBeLessThan(3e-7);
        else expect(slope).toBeLessThan(1.001 * smallest);
      }
    }),
    { seed: 20261127, numRuns: 30 },
  );
});

const savedSeed = 20261126;

/** A loss of two terms over several chunks; the first weight may be packed, the second has the width of a bias. */
interface Problem {
  readonly rowCount: number;
  readonly vocabSize: number;
  readonly width: number;
  readonly dtype?: "bf16" | "q8" | undefined;
  readonly needs: readonly boolean[];
}

const problems: fc.Arbitrary<Problem> = fc
  .record({
    rowCount: fc.constantFrom(1, 17, 523),
    vocabSize: fc.constantFrom(41, tokenChunk, 2089, 2 * tokenChunk + 7),
    width: extent(7),
    dtype: fc.constantFrom(undefined, "bf16" as const, "q8" as const),
    needs: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  })
  .map((problem) => ({ ...problem, needs: problem.needs.with(1, problem.needs[1]! && problem.dtype === undefined) }))
  .filter(({ needs }) => needs.includes(true));

/** Every number of tokens whose logits may be saved. */
function savings(vocabSize: number): readonly number[] {
  return [...Array.from({ length: Math.ceil(vocabSize / tokenChunk) }, (_, chunk) => chunk * tokenChunk), vocabSize];
}

function inputsOf(
  device: Device,
  { rowCount, vocabSize, width, dtype }: Problem,
): { targets: Tensor; terms: Tensor[] } {
  const targets = Uint32Array.from({ length: rowCount }, (_, row) => (row * 977) % vocabSize);
  return {
    targets: device.tensor(targets, [rowCount]),
    terms: [width, 1].flatMap((size, term) => [
      device.tensor(wave(rowCount * size, 0.37 + term), [rowCount, size]),
      device.tensor(wave(vocabSize * size, 0.73 + term), [vocabSize, size], term === 0 ? dtype : undefined),
    ]),
  };
}

/** The bits of tensors, which are disposed. */
async function bitsOf(tensors: readonly Tensor[]): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for (const tensor of tensors) {
    const { buffer, byteOffset, byteLength } = await tensor.read();
    read.push(new Uint8Array(buffer, byteOffset, byteLength));
    tensor.dispose();
  }
  return Buffer.concat(read);
}

describe(`saved logits (seed ${savedSeed})`, () => {
  it.each(["reference", "cpu"] as const)("change no bit on %s, with one thread or two", async (name) => {
    using alone = await openDevice(name, { threads: 1 });
    const devices = [alone, await sharedDevice(name)];
    await fc.assert(
      fc.asyncProperty(problems, async (problem) => {
        const { rowCount, vocabSize, needs } = problem;
        const results: Buffer[] = [];
        for (const device of devices) {
          for (const saved of savings(vocabSize)) {
            const outputs = device.scope(() => {
              const { targets, terms } = inputsOf(device, problem);
              const [nats, logNormaliser, logits] = apply(linearCrossEntropyOp, [targets, ...terms], { saved });
              const g = device.tensor(wave(rowCount, 0.61), [rowCount]);
              const inputs = [g, logNormaliser!, logits!, targets, ...terms];
              expect(logits!.shape).toEqual([rowCount, saved]);
              return [nats!, logNormaliser!, ...apply(linearCrossEntropyGradOp, inputs, { needs })];
            });
            results.push(await bitsOf(outputs));
          }
        }
        for (const other of results) expect(other.equals(results[0]!)).toBe(true);
      }),
      { seed: savedSeed, numRuns: name === "cpu" ? 20 : 4 },
    );
  });

  it.each(["reference", "cpu"] as const)("are those of the leading tokens on %s", async (name) => {
    const device = await sharedDevice(name);
    const problem = { rowCount: 523, vocabSize: tokenChunk + 41, width: 3, needs: [] };
    for (const saved of savings(problem.vocabSize)) {
      const { logits, whole } = device.scope(() => {
        const { targets, terms } = inputsOf(device, problem);
        const whole = project([
          { features: terms[0]!, weight: terms[1]! },
          { features: terms[2]!, weight: terms[3]! },
        ]);
        return { logits: apply(linearCrossEntropyOp, [targets, ...terms], { saved })[2]!, whole };
      });
      const expected = (await whole.read()).filter((_, index) => index % problem.vocabSize < saved);
      checkClose("saved logits", await logits.read(), expected, 2e-5);
      logits.dispose();
      whole.dispose();
    }
  });

  it("stay within the device's budget, all calls together, use it, and are gone with the gradient", async () => {
    const [rowCount, vocabSize] = [5, 2 * tokenChunk + 3];
    const [chunkBytes, wholeBytes] = [4 * rowCount * tokenChunk, 4 * rowCount * vocabSize];
    const expected = new Map<number, Buffer>();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.oneof(fc.nat({ max: 4 * wholeBytes }), fc.constantFrom(0, wholeBytes - 1, wholeBytes, chunkBytes)),
        async (callCount, savedBytes) => {
          using device = await openDevice("cpu", { threads: 1, savedBytes });
          expect(device.info.limits.savedBytes).toBe(savedBytes);
          const { targets, terms } = inputsOf(device, { rowCount, vocabSize, width: 3, needs: [] });
          const [features, weight] = terms as [Tensor, Tensor];
          // Twice: what the first gradient has freed is there for the second.
          for (let round = 0; round < 2; round++) {
            let room = savedBytes;
            const { value, grad } = valueAndGrad((learnt: Tensor) => {
              const losses = Array.from({ length: callCount }, () => {
                const before = device.stats.bytes;
                const nats = linearCrossEntropy([{ features, weight: learnt }], targets);
                // Nats, and the log-normaliser, which the tape holds.
                const saved = device.stats.bytes - before - 2 * 4 * rowCount;
                expect(saved).toBe(room >= wholeBytes ? wholeBytes : chunkBytes * Math.floor(room / chunkBytes));
                room -= saved;
                return sumTo(nats, []);
              });
              return losses.reduce(add);
            })(weight);
            value.dispose();
            const gradient = await bitsOf([grad]);
            expect(gradient.equals(expected.get(callCount) ?? gradient)).toBe(true);
            expected.set(callCount, gradient);
          }
        },
      ),
      { seed: savedSeed, numRuns: 20 },
    );
  });

  it("are none where no tape watches the terms, and nothing but the nats is left", async () => {
    const device = await sharedDevice("cpu");
    const { targets, terms } = inputsOf(device, { rowCount: 7, vocabSize: 41, width: 3, needs: [] });
    const [features, weight] = terms as [Tensor, Tensor];
    device.resetPeak();
    const before = device.stats.bytes;
    const score = () => linearCrossEntropy([{ features, weight }], targets);
    score().dispose();
    expect(device.stats.peakBytes - before).toBe(2 * 4 * 7);
    expect(device.stats.bytes).toBe(before);
    const { value, grad } = valueAndGrad((other: Tensor) => {
      const during = device.stats.bytes;
      using nats = score();
      expect(device.stats.bytes - during).toBe(4 * 7);
      return sumTo(add(multiply(other, other), sumTo(nats, [])), []);
    })(device.tensor([1], []));
    for (const tensor of [value, grad, targets, ...terms]) tensor.dispose();
  });

  it("are refused in part of a chunk, and in a budget that is no number of bytes", async () => {
    const device = await sharedDevice("cpu");
    const { targets, terms } = inputsOf(device, { rowCount: 3, vocabSize: tokenChunk + 1, width: 3, needs: [] });
    for (const saved of [-tokenChunk, 1, tokenChunk - 1, tokenChunk + 2, 2 * tokenChunk]) {
      expect(() => apply(linearCrossEntropyOp, [targets, ...terms], { saved })).toThrow(ShapeError);
    }
    for (const savedBytes of [-1, 0.5, Number.NaN]) {
      await expect(openDevice("cpu", { savedBytes })).rejects.toThrow(DeviceError);
    }
  });
});

it.skipIf(!testDeviceNames.includes("webgpu"))("webgpu saves no logits and says so", async () => {
  const device = await sharedDevice("webgpu");
  const { targets, terms } = inputsOf(device, { rowCount: 3, vocabSize: 5, width: 3, needs: [] });
  expect(() => apply(linearCrossEntropyOp, [targets, ...terms], { saved: 5 })).toThrow("webgpu saves none");
  expect(device.info.limits.savedBytes).toBeUndefined();
});
