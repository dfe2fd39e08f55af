// The laws of attention and of its gradient op: grouped heads, value heads of another size, arbitrary ranges; and that
// ranges may be cut anywhere.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
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

/** Disjoint ranges in any order, some of them empty, but not all. */
function rangesOf(keyCount: number, rangeCount: number): fc.Arbitrary<[number, number][]> {
  const bounds = fc.array(fc.nat({ max: keyCount }), { minLength: 2 * rangeCount, maxLength: 2 * rangeCount });
  return fc.tuple(bounds, fc.nat(), fc.nat({ max: keyCount - 1 })).map(([given, turn, key]) => {
    const sorted = given.toSorted((a, b) => a - b);
    const ranges = Array.from({ length: rangeCount }, (_, at): [number, number] => [
      sorted[2 * at]!,
      sorted[2 * at + 1]!,
    ]);
    if (ranges.every(([start, end]) => start === end)) ranges[turn % rangeCount] = [key, key + 1];
    return [...ranges.slice(turn % rangeCount), ...ranges.slice(0, turn % rangeCount)];
  });
}

const calls: fc.Arbitrary<OpCase<AttentionAttrs>> = fc
  .record({
    queryCount: fc.constantFrom(1, 3, 7, 19),
    // The last takes several blocks of keys on every device.
    keyCount: fc.constantFrom(1, 5, 37, 293),
    groupCount: fc.constantFrom(1, 2, 3),
    share: fc.constantFrom(1, 2),
    headSize: fc.constantFrom(1, 3, 8),
    valueSize: fc.constantFrom(1, 5, 8),
    rangeCount: fc.constantFrom(1, 1, 2, 5),
  })
  .chain(({ queryCount, keyCount, groupCount, share, headSize, valueSize, rangeCount }) =>
    fc.record({
      inputs: fc.tuple(
        floats([queryCount, groupCount * share * headSize]),
        floats([keyCount, groupCount * headSize]),
        floats([keyCount, groupCount * valueSize]),
        fc
          .array(rangesOf(keyCount, rangeCount), { minLength: queryCount, maxLength: queryCount })
          .map((ranges): OpInput => ({ shape: [queryCount, 2 * rangeCount], values: ranges.flat(2), dtype: "u32" })),
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

  it("gives the same bits however the ranges of the same keys are cut", async () => {
    const device = await sharedDevice(deviceName);
    const [queryCount, keyCount, width] = [3, 293, 8];
    const wave = (rowCount: number, step: number) =>
      device.tensor(
        Array.from({ length: rowCount * width }, (_, index) => Math.sin(step * index)),
        [rowCount, width],
      );
    const [q, k, v] = [wave(queryCount, 0.7), wave(keyCount, 1.3), wave(keyCount, 2.1)];
    const attend = async (ranges: readonly number[]) => {
      const all = Array.from({ length: queryCount }, () => ranges).flat();
      const index = device.tensor(Uint32Array.from(all), [queryCount, ranges.length]);
      const out = attention(q, k, v, index, { headCount: 1, groupCount: 1, scale: 1 });
      const values = [...(await out.read())];
      for (const tensor of [index, out]) tensor.dispose();
      return values;
    };
    const whole = await attend([5, 290]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 5, max: 290 }), { minLength: 1, maxLength: 6 }), async (given) => {
        const cuts = [5, ...given.toSorted((a, b) => a - b), 290];
        expect(await attend(cuts.slice(1).flatMap((end, at) => [cuts[at]!, end]))).toEqual(whole);
      }),
      { seed: 23, numRuns: 10 },
    );
    for (const tensor of [q, k, v]) tensor.dispose();
  });
});
