// The laws of attention and of its gradient op: grouped heads, value heads of another size, arbitrary ranges.
import fc from "fast-check";
import { describe, it } from "vitest";
import { sizeOf } from "../../spec.ts";
import {
  checkClose,
  floats,
  type OpCase,
  type OpInput,
  opLaws,
  sharedDevice,
  testDeviceNames,
} from "../../testing/index.ts";
import { type AttentionAttrs, attention, attentionGradOp, attentionOp } from "./op.ts";

const calls: fc.Arbitrary<OpCase<AttentionAttrs>> = fc
  .record({
    queryCount: fc.constantFrom(1, 3, 7, 19),
    // The last takes several blocks of keys on every device.
    keyCount: fc.constantFrom(1, 5, 37, 293),
    groupCount: fc.constantFrom(1, 2, 3),
    share: fc.constantFrom(1, 2),
    headSize: fc.constantFrom(1, 3, 8),
    valueSize: fc.constantFrom(1, 5, 8),
  })
  .chain(({ queryCount, keyCount, groupCount, share, headSize, valueSize }) =>
    fc.record({
      inputs: fc.tuple(
        floats([queryCount, groupCount * share * headSize]),
        floats([keyCount, groupCount * headSize]),
        floats([keyCount, groupCount * valueSize]),
        fc
          .array(fc.tuple(fc.nat({ max: keyCount - 1 }), fc.nat({ max: keyCount - 1 })), {
            minLength: queryCount,
            maxLength: queryCount,
          })
          .map(
            (ends): OpInput => ({
              shape: [queryCount, 2],
              values: ends.flatMap(([a, b]) => [Math.min(a, b), Math.max(a, b) + 1]),
              dtype: "u32",
            }),
          ),
      ),
      attrs: fc.constant({ headCount: groupCount * share, groupCount, scale: 1 / Math.sqrt(headSize) }),
    }),
  );

opLaws(attentionOp, { cases: calls, runCount: 25 });

// The gradient op sees outputs of the forward op, so its cases are completed by the oracle.
opLaws(attentionGradOp, {
  cases: calls.chain((call) => {
    const [out, logNormaliser] = forwardOutputs(call);
    return floats(out!.shape).map((g) => ({ inputs: [...call.inputs, out!, logNormaliser!, g], attrs: call.attrs }));
  }),
  runCount: 20,
});

function forwardOutputs(call: OpCase<AttentionAttrs>): readonly OpInput[] {
  const inputs = call.inputs.map(({ values, shape, dtype }) => ({
    shape,
    dtype: dtype ?? ("f64" as const),
    data: Float64Array.from(values),
  }));
  const outputs = attentionOp
    .infer(inputs, call.attrs)
    .map((spec) => ({ ...spec, data: new Float64Array(sizeOf(spec.shape)) }));
  attentionOp.reference({ inputs, outputs, attrs: call.attrs });
  return outputs.map(({ shape, data }) => ({ shape, values: [...data] }));
}

describe.each(testDeviceNames)("attention() on %s", (deviceName) => {
  it.each([1000, -1000])("is the same where every score is %i higher", async (shift) => {
    const device = await sharedDevice(deviceName);
    const [keyCount, valueSize] = [293, 3];
    // Eighths stay exact beside the shift; later blocks hold higher scores, so that what is summed is scaled anew.
    const scores = Array.from({ length: keyCount }, (_, key) => Math.floor(key / 16) / 8);
    const values = Array.from({ length: keyCount * valueSize }, (_, index) => Math.sin(index));
    const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
    const expected = Array.from({ length: valueSize }, (_, column) =>
      scores.reduce((sum, score, key) => sum + (Math.exp(score) / total) * values[key * valueSize + column]!, 0),
    );
    const out = device.scope(() =>
      attention(
        device.tensor([1], [1, 1]),
        device.tensor(
          scores.map((score) => score + shift),
          [keyCount, 1],
        ),
        device.tensor(values, [keyCount, valueSize]),
        device.tensor(Uint32Array.of(0, keyCount), [1, 2]),
        { headCount: 1, groupCount: 1, scale: 1 },
      ),
    );
    checkClose("attended values", await out.read(), expected, 1e-5);
    out.dispose();
  });
});
