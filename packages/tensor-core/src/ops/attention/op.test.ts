// The laws of attention and of its gradient op: grouped heads, value heads of another size, arbitrary ranges.
import fc from "fast-check";
import { sizeOf } from "../../spec.ts";
import { floats, type OpCase, type OpInput, opLaws } from "../../testing/index.ts";
import { type AttentionAttrs, attentionGradOp, attentionOp } from "./op.ts";

const calls: fc.Arbitrary<OpCase<AttentionAttrs>> = fc
  .record({
    queryCount: fc.constantFrom(1, 3, 7, 19),
    keyCount: fc.constantFrom(1, 5, 13, 37),
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
