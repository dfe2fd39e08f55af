// The laws of attention and of its gradient op: grouped heads, value heads of another size, arbitrary and shared ranges;
// that ranges may be cut anywhere, and that a query's bits are its own.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Device, openDevice } from "../../device.ts";
import { apply } from "../../dispatch.ts";
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

/** Runs of queries that see the beginning of one sequence of keys, which is ranges of any cut, each as far as it likes. */
function sharedRangesOf(
  queryCount: number,
  keyCount: number,
  rangeCount: number,
): fc.Arbitrary<readonly (readonly [number, number])[][]> {
  const sequence = rangesOf(keyCount, rangeCount);
  const ends = fc.array(fc.integer({ min: 1, max: keyCount }), { minLength: queryCount, maxLength: queryCount });
  return fc.tuple(sequence, sequence, ends, fc.nat({ max: queryCount })).map(([first, second, lengths, turn]) =>
    lengths.map((length, query) => {
      let rest = length;
      return (query < turn ? first : second).map(([start, end]): [number, number] => {
        const count = Math.min(rest, end - start);
        rest -= count;
        return [start, start + count];
      });
    }),
  );
}

const extents = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      // From four rows on queries that see the same keys share them in tiles; the last two are more than one unit of work.
      queryCount: fc.constantFrom(1, 3, 7, 19, 67, 131),
      // The last takes several blocks of keys on every device.
      keyCount: fc.constantFrom(1, 5, 37, 293),
      groupCount: fc.constantFrom(1, 2, 3),
      share: fc.constantFrom(1, 2, 5),
      headSize: fc.constantFrom(1, 3, 8, 22),
      valueSize: fc.constantFrom(1, 5, 8, 19),
      rangeCount: fc.constantFrom(1, 1, 2, 5),
      isShared: fc.boolean(),
    }),
  },
  // More heads than one unit of work takes at a time, and heads too large for tiles.
  fc.constantFrom(
    { queryCount: 3, keyCount: 37, groupCount: 1, share: 71, headSize: 3, valueSize: 5, rangeCount: 2, isShared: true },
    {
      queryCount: 7,
      keyCount: 37,
      groupCount: 2,
      share: 1,
      headSize: 397,
      valueSize: 401,
      rangeCount: 1,
      isShared: true,
    },
  ),
);

const calls: fc.Arbitrary<OpCase<AttentionAttrs>> = extents
  // The oracle is a plain loop.
  .filter(({ queryCount, keyCount, groupCount, share }) => queryCount * keyCount * groupCount * share < 20_000)
  .chain(({ queryCount, keyCount, groupCount, share, headSize, valueSize, rangeCount, isShared }) =>
    fc.record({
      inputs: fc.tuple(
        floats([queryCount, groupCount * share * headSize]),
        floats([keyCount, groupCount * headSize]),
        floats([keyCount, groupCount * valueSize]),
        (isShared
          ? sharedRangesOf(queryCount, keyCount, rangeCount)
          : fc.array(rangesOf(keyCount, rangeCount), { minLength: queryCount, maxLength: queryCount })
        ).map((ranges): OpInput => ({ shape: [queryCount, 2 * rangeCount], values: ranges.flat(2), dtype: "u32" })),
      ),
      attrs: fc.constant({ headCount: groupCount * share, groupCount, scale: 1 / Math.sqrt(headSize) }),
    }),
  );

opLaws(attentionOp, { cases: calls, runCount: 40 });

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

describe("attention() of a query", () => {
  // Sums of sixty-fourths are exact, in any order: of these numbers they are not.
  const inexact = calls.map(
    ({ inputs, attrs }): OpCase<AttentionAttrs> => ({
      inputs: inputs.map((input) =>
        input.dtype === "u32" ? input : { ...input, values: input.values.map((value) => Math.sin(value)) },
      ),
      attrs,
    }),
  );

  /** Inputs on a device, the queries of `rows` alone; outputs [rows · (H·Kv + H)], log-normalisers behind. */
  async function attend(device: Device, { inputs, attrs }: OpCase<AttentionAttrs>, rows?: readonly number[]) {
    const [q, k, v, ranges] = inputs as [OpInput, OpInput, OpInput, OpInput];
    const upload = ({ shape, values, dtype }: OpInput, some?: readonly number[]) => {
      const [width, count] = [shape[1]!, some?.length ?? shape[0]!];
      const kept = some?.flatMap((row) => values.slice(row * width, (row + 1) * width)) ?? values;
      return device.tensor(kept, [count, width], dtype ?? device.floatDtype);
    };
    const outputs = device.scope(() =>
      apply(attentionOp, [upload(q, rows), upload(k), upload(v), upload(ranges, rows)], attrs),
    );
    const values: number[] = [];
    for (const output of outputs) {
      values.push(...(await output.read()));
      output.dispose();
    }
    return values;
  }

  it.each(testDeviceNames)("has the same bits alone and beside others, on %s", async (deviceName) => {
    const device = await sharedDevice(deviceName);
    let together = 0;
    await fc.assert(
      fc.asyncProperty(inexact, fc.nat(), async (call, turn) => {
        const queryCount = call.inputs[0]!.shape[0]!;
        const outputWidth = (call.inputs[2]!.shape[1]! * call.attrs.headCount) / call.attrs.groupCount;
        const row = turn % queryCount;
        const all = await attend(device, call);
        const normalisers = queryCount * outputWidth + row * call.attrs.headCount;
        expect(await attend(device, call, [row])).toEqual([
          ...all.slice(row * outputWidth, (row + 1) * outputWidth),
          ...all.slice(normalisers, normalisers + call.attrs.headCount),
        ]);
        if (queryCount > 3) together++;
      }),
      { seed: 29, numRuns: 40 },
    );
    expect(together).toBeGreaterThan(10);
  });

  it("has the same bits on any number of threads, and in the builds that fuse multiply-adds", async () => {
    using one = await openDevice("cpu", { threads: 1, variant: "relaxed" });
    using three = await openDevice("cpu", { threads: 3, variant: "relaxed" });
    using wide = await openDevice("cpu", { threads: 1, variant: "wide" }).catch(() => null);
    await fc.assert(
      fc.asyncProperty(inexact, async (call) => {
        const expected = await attend(one, call);
        expect(await attend(three, call)).toEqual(expected);
        if (wide !== null) expect(await attend(wide, call)).toEqual(expected);
      }),
      { seed: 31, numRuns: 40 },
    );
  });

  it("agrees with the oracle in the build of two steps", async () => {
    using simd = await openDevice("cpu", { threads: 1, variant: "simd" });
    const reference = await sharedDevice("reference");
    await fc.assert(
      fc.asyncProperty(inexact, async (call) => {
        checkClose("attention in simd", await attend(simd, call), await attend(reference, call), 2e-5);
      }),
      { seed: 37, numRuns: 40 },
    );
  });

  it.each(testDeviceNames)("does not depend on what keys hold that it does not see, on %s", async (deviceName) => {
    const device = await sharedDevice(deviceName);
    const [queryCount, headSize] = [67, 19];
    const wave = (rowCount: number, step: number): OpInput => ({
      shape: [rowCount, headSize],
      values: Array.from({ length: rowCount * headSize }, (_, index) => Math.sin(step * index)),
    });
    const ranges: OpInput = {
      shape: [queryCount, 2],
      values: Array.from({ length: queryCount }, (_, query) => [0, query + 1]).flat(),
      dtype: "u32",
    };
    const call = (k: OpInput, v: OpInput): OpCase<AttentionAttrs> => ({
      inputs: [wave(queryCount, 0.7), k, v, ranges],
      attrs: { headCount: 1, groupCount: 1, scale: 1 },
    });
    const [k, v] = [wave(queryCount, 1.3), wave(queryCount, 2.1)];
    const expected = await attend(device, call(k, v));
    for (const [last, held] of [
      [13, Number.NaN],
      [40, Number.POSITIVE_INFINITY],
    ] as const) {
      const spoiled = ({ shape, values }: OpInput) => ({
        shape,
        values: values.map((value, index) => (index < last * headSize ? value : held)),
      });
      const actual = await attend(device, call(spoiled(k), spoiled(v)));
      expect(actual.slice(0, last * headSize)).toEqual(expected.slice(0, last * headSize));
    }
  });
});
