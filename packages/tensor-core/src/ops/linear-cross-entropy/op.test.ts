// The laws of linearCrossEntropy with several terms, and of its gradient op for every choice of wanted inputs.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../spec.ts";
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
import { logSoftmax } from "../log-softmax/op.ts";
import { project } from "../project/op.ts";
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
});
