// The laws of linearCrossEntropy with several terms, and of its gradient op for every choice of wanted inputs.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { valueAndGrad } from "../../autodiff/value-and-grad.ts";
import type { Device } from "../../device.ts";
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
import { multiply } from "../binary/op.ts";
import { sumTo } from "../broadcast/op.ts";
import { logSoftmax } from "../log-softmax/op.ts";
import { project, type Term } from "../project/op.ts";
import { linearCrossEntropy, linearCrossEntropyGradOp, linearCrossEntropyOp } from "./op.ts";

const calls: fc.Arbitrary<OpCase<Record<string, never>>> = fc
  .tuple(extent(13), extent(41), fc.array(extent(19), { minLength: 1, maxLength: 3 }))
  .chain(([rowCount, vocabSize, widths]) =>
    fc.record({
      inputs: fc.tuple(
        indices([rowCount], vocabSize),
        ...widths.flatMap((width) => [floats([rowCount, width]), floats([vocabSize, width])]),
      ),
      attrs: fc.constant({}),
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
      .infer(inputs, {})
      .map((spec) => ({ ...spec, data: new Float64Array(sizeOf(spec.shape)) }));
    linearCrossEntropyOp.reference({ inputs, outputs, attrs: {} });
    const logNormaliser = { shape: outputs[1]!.shape, values: [...outputs[1]!.data] };
    const termCount = call.inputs.length - 1;
    return fc
      .tuple(floats(outputs[0]!.shape), fc.array(fc.boolean(), { minLength: termCount, maxLength: termCount }))
      .filter(([, needs]) => needs.includes(true))
      .map(([g, needs]) => ({ inputs: [g, logNormaliser, ...call.inputs], attrs: { needs } }));
  }),
  runCount: 20,
});

describe.each(testDeviceNames)("linearCrossEntropy() on %s", (deviceName) => {
  it("equals the log-softmax of materialised logits across chunk borders", async () => {
    const device = await sharedDevice(deviceName);
    const [rowCount, vocabSize, width] = [11, 5003, 7];
    const wave = (size: number, pace: number) =>
      Array.from({ length: size }, (_, index) => Math.sin(pace * (index + 1)));
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
    const wave = (size: number, pace: number) =>
      Array.from({ length: size }, (_, index) => Math.sin(pace * (index + 1)));

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
