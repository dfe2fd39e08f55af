// projectTopK beside topK of projected logits: the laws of an op, the same bits on cpu whatever the slabs and the weights'
// format, and on every device what is held of logits that are infinite or no numbers.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Device } from "../../device.ts";
import { apply } from "../../dispatch.ts";
import { packedFormats } from "../../formats/packing.ts";
import { createRandom } from "../../random.ts";
import { type Dtype, isPacked } from "../../spec.ts";
import { checkClose, extent, floats, opLaws, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { project, type Term, termInputs } from "../project/op.ts";
import { BLOCK_COLUMNS } from "../top-k/cpu.ts";
import { type TopKAttrs, type TopKResult, topK } from "../top-k/op.ts";
import { projectTopKInSlabs } from "./cpu.ts";
import { projectTopK, projectTopKOp } from "./op.ts";

const seed = 20261126;

opLaws(projectTopKOp, {
  cases: fc
    .tuple(extent(13), extent(41), fc.array(extent(19), { minLength: 1, maxLength: 3 }))
    .chain(([rowCount, vocabSize, widths]) =>
      fc.record({
        inputs: fc.tuple(...widths.flatMap((width) => [floats([rowCount, width]), floats([vocabSize, width])])),
        attrs: fc.record({ count: fc.integer({ min: 1, max: vocabSize }) }),
      }),
    ),
  runCount: 20,
});

interface Call {
  readonly rowCount: number;
  readonly vocabSize: number;
  readonly count: number;
  readonly widths: readonly number[];
  readonly dtype: Dtype;
  readonly numbers: number;
}

// Around the borders of vectors, blocks and slabs.
const vocabSizes = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: -9, max: 9 }))
    .map(([blocks, more]) => blocks * BLOCK_COLUMNS + more),
);

const calls = (dtypes: readonly Dtype[]): fc.Arbitrary<Call> =>
  fc
    .record({
      rowCount: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 20 })),
      vocabSize: vocabSizes,
      widths: fc.array(fc.constantFrom(1, 7, 32, 45), { minLength: 1, maxLength: 3 }),
      dtype: fc.constantFrom(...dtypes),
      numbers: fc.nat(),
    })
    .chain((call) =>
      fc.record({ ...constants(call), count: fc.integer({ min: 1, max: Math.min(call.vocabSize, 60) }) }),
    );

function constants<Fields extends object>(fields: Fields): { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> } {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, fc.constant(value)])) as never;
}

/** Terms of a call; eighths make many logits equal, so that ids are decided by order. */
function termsOf(device: Device, { rowCount, vocabSize, widths, dtype, numbers }: Call): Term[] {
  const random = createRandom(numbers, "projectTopK");
  const draw = (size: number) => Float32Array.from({ length: size }, () => Math.round(4 * random.normal()) / 8);
  return widths.map((width) => ({
    features: device.tensor(draw(rowCount * width), [rowCount, width]),
    weight: device.tensor(draw(vocabSize * width), [vocabSize, width], isPacked(dtype) ? dtype : device.floatDtype),
  }));
}

async function read({ values, ids, totals }: TopKResult): Promise<readonly (readonly number[])[]> {
  const tensors = [values, ids, totals];
  const read = await Promise.all(tensors.map((tensor) => tensor.read()));
  for (const tensor of tensors) tensor.dispose();
  return read.map((array) => [...array]);
}

describe(`projectTopK() (seed ${seed})`, () => {
  it("has the bits of topK of projected logits on cpu, in slabs of any size, packed or not", async () => {
    const device = await sharedDevice("cpu");
    await fc.assert(
      fc.asyncProperty(
        calls(["f32", ...(Object.keys(packedFormats) as Dtype[])]),
        fc.record({ rows: fc.integer({ min: 1, max: 20 }), blocks: fc.integer({ min: 1, max: 3 }) }),
        async (call, { rows, blocks }) => {
          const inSlabs = {
            ...projectTopKOp,
            cpu: (each: Parameters<typeof projectTopKInSlabs>[0]) =>
              projectTopKInSlabs(each, { rows, tokens: blocks * BLOCK_COLUMNS }),
          };
          const { whole, fused, cut } = device.scope(() => {
            const terms = termsOf(device, call);
            const [values, ids, totals] = apply<TopKAttrs>(inSlabs, termInputs(terms), { count: call.count });
            return {
              whole: topK(project(terms), call.count),
              fused: projectTopK(terms, call.count),
              cut: { values: values!, ids: ids!, totals: totals! },
            };
          });
          const expected = await read(whole);
          expect(await read(fused)).toEqual(expected);
          const actual = await read(cut);
          // A row has the same bits among few rows and among many only where one kernel has both.
          if (rows >= call.rowCount) expect(actual).toEqual(expected);
          else for (const each of [0, 2]) checkClose("in blocks of rows", actual[each]!, expected[each]!, 2e-5);
        },
      ),
      { seed, numRuns: 60 },
    );
  });

  it.each(testDeviceNames)(
    "gives the ids of topK of projected logits on %s, the lower first among equals",
    async (name) => {
      const device = await sharedDevice(name);
      await fc.assert(
        fc.asyncProperty(calls(["f32"]), async (call) => {
          const { whole, fused } = device.scope(() => {
            const terms = termsOf(device, call);
            return { whole: topK(project(terms), call.count), fused: projectTopK(terms, call.count) };
          });
          const [expected, actual] = [await read(whole), await read(fused)];
          expect(actual.slice(0, 2)).toEqual(expected.slice(0, 2));
          checkClose("totals", actual[2]!, expected[2]!, 1e-5);
        }),
        { seed, numRuns: 25 },
      );
    },
  );

  it.each(testDeviceNames.filter((each) => each !== "reference"))(
    "holds more rows than a block of them on %s",
    async (name) => {
      const device = await sharedDevice(name);
      const [rowCount, vocabSize] = [601, 8209];
      // The logit of token v in row n is weight v times feature n: the signs of features decide which end is largest.
      const feature = Float32Array.from({ length: rowCount }, (_, row) => (row % 3 === 0 ? -1 : 1));
      const weight = Float32Array.from({ length: vocabSize }, (_, token) => ((token * 2741) % vocabSize) / 512);
      const order = [...weight.keys()].sort((a, b) => weight[a]! - weight[b]!);
      const [, ids, totals] = await read(
        device.scope(() =>
          projectTopK(
            [{ features: device.tensor(feature, [rowCount, 1]), weight: device.tensor(weight, [vocabSize, 1]) }],
            2,
          ),
        ),
      );
      const expected = Array.from(feature, (sign) => (sign < 0 ? order.slice(0, 2) : order.slice(-2).reverse()));
      expect(ids).toEqual(expected.flat());
      // Σ exp(−j/512) over j < vocabSize, whichever end is largest.
      const total = (1 - Math.exp(-vocabSize / 512)) / (1 - Math.exp(-1 / 512));
      checkClose("totals", totals!, new Array<number>(rowCount).fill(total), 1e-5);
    },
  );

  it("takes excluded tokens for nothing wherever they stand, and has no total where a logit is no number", async () => {
    const device = await sharedDevice("cpu");
    const vocabSize = 2 * BLOCK_COLUMNS + 5;
    const run = async (logits: Float32Array) =>
      read(
        device.scope(() =>
          projectTopK([{ features: device.tensor([1], [1, 1]), weight: device.tensor(logits, [vocabSize, 1]) }], 3),
        ),
      );
    const none = () => new Float32Array(vocabSize).fill(Number.NEGATIVE_INFINITY);
    // All but two are −∞: whole blocks of them too.
    for (const token of [0, 3, BLOCK_COLUMNS - 1, BLOCK_COLUMNS, vocabSize - 1]) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1]) {
        const logits = none();
        logits.set([0.5], 1);
        logits.set([value], token);
        const [values, ids, totals] = await run(logits);
        const expected = Number.isNaN(value)
          ? [[0.5], [1]]
          : [
              [value, 0.5],
              [token, 1],
            ];
        expect([values!, ids!].map((each) => each.slice(0, expected[0]!.length))).toEqual(expected);
        expect(values![2]).toBe(Number.NEGATIVE_INFINITY);
        if (value === 1) expect(totals![0]).toBeCloseTo(1 + Math.exp(-0.5), 6);
        else expect(totals![0]).toBeNaN();
      }
    }
    const [, , totals] = await run(none());
    expect(totals![0]).toBeNaN();
  });

  it("holds what stands beside no numbers", async () => {
    const device = await sharedDevice("cpu");
    const logits = Float32Array.from({ length: 64 }, (_, token) => (token % 2 === 0 ? Number.NaN : token));
    const { values, ids } = device.scope(() => topK(device.tensor(logits, [1, 64]), 3));
    expect([...(await values.read()), ...(await ids.read())]).toEqual([63, 61, 59, 63, 61, 59]);
  });

  it("refuses a count that is none, and terms that do not fit", async () => {
    const device = await sharedDevice("cpu");
    using features = device.tensor([1, 2], [1, 2]);
    using weight = device.tensor([1, 2, 3, 4, 5, 6], [3, 2]);
    for (const count of [0, 4, 1.5])
      expect(() => projectTopK([{ features, weight }], count)).toThrow("an integer from 1 to 3");
    expect(() =>
      projectTopK(
        [
          { features, weight: features },
          { features, weight },
        ],
        1,
      ),
    ).toThrow("weight 1");
    expect(() => projectTopK([], 1)).toThrow("projectTopK");
  });

  it.each(testDeviceNames)("has no rows of none on %s", async (name) => {
    const device = await sharedDevice(name);
    const results = device.scope(() =>
      projectTopK([{ features: device.tensor([], [0, 2]), weight: device.tensor([1, 2, 3, 4], [2, 2]) }], 1),
    );
    expect(await read(results)).toEqual([[], [], []]);
  });
});
