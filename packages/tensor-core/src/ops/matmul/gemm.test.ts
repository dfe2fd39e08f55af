// Products of every form and awkward size against float64, across the borders of tiles and of blocks of the inner axis.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Device, openDevice } from "../../device.ts";
import { checkClose, sharedDevice } from "../../testing/index.ts";
import { project } from "../project/op.ts";
import { matmul } from "./op.ts";

const extents = fc.record({
  rows: fc.oneof(fc.integer({ min: 1, max: 18 }), fc.integer({ min: 1, max: 140 })),
  columns: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 150 })),
  inner: fc.oneof(
    fc.integer({ min: 0, max: 20 }),
    fc.integer({ min: 250, max: 262 }),
    fc.integer({ min: 500, max: 560 }),
  ),
  transposeA: fc.boolean(),
  transposeB: fc.boolean(),
});

function values(count: number, pace: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(pace * (index + 1)));
}

/** Σ a·b in float32 as products of few rows add it: sixteen sums, what is left behind whole sixteens, then by halves. */
function treeDot(a: Float32Array, b: Float32Array): number {
  const sums = new Float32Array(16);
  const whole = a.length - (a.length % 16);
  const add = (slot: number, k: number) => {
    sums[slot] = sums[slot]! + Math.fround((a[k] ?? 0) * (b[k] ?? 0));
  };
  for (let k = 0; k < whole; k++) add(k % 16, k);
  const fours = a.length - (a.length % 4);
  for (let k = whole; k < fours; k++) add(k % 4, k);
  if (fours < a.length) for (let lane = 0; lane < 4; lane++) add(4 + lane, fours + lane);
  const lanes = [0, 1, 2, 3].map((lane) =>
    Math.fround(Math.fround(sums[lane]! + sums[8 + lane]!) + Math.fround(sums[4 + lane]! + sums[12 + lane]!)),
  );
  return Math.fround(Math.fround(lanes[0]! + lanes[2]!) + Math.fround(lanes[1]! + lanes[3]!));
}

const fewRows = fc.record({
  rows: fc.integer({ min: 1, max: 16 }),
  columns: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 100, max: 300 })),
  inner: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 500, max: 560 })),
});

const openWide = (): Promise<Device> => openDevice("cpu", { threads: 1, variant: "wide" });
const joinsVectors = await openWide().then(
  (device) => {
    device.dispose();
    return true;
  },
  () => false,
);

describe("gemm()", () => {
  it.each(["relaxed", "simd"])("agrees with float64 for any shape and form, variant %s", async (variant) => {
    using device = await openDevice("cpu", { threads: 2, variant });
    await fc.assert(
      fc.asyncProperty(extents, async ({ rows, columns, inner, transposeA, transposeB }) => {
        const [a, b] = [values(rows * inner, 0.37), values(columns * inner, 0.73)];
        const expected = new Float64Array(rows * columns);
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            let sum = 0;
            for (let k = 0; k < inner; k++) {
              sum +=
                a[transposeA ? k * rows + row : row * inner + k]! *
                b[transposeB ? column * inner + k : k * columns + column]!;
            }
            expected[row * columns + column] = sum;
          }
        }
        const product = device.scope(() =>
          matmul(
            device.tensor(a, transposeA ? [inner, rows] : [rows, inner]),
            device.tensor(b, transposeB ? [columns, inner] : [inner, columns]),
            {
              transposeA,
              transposeB,
            },
          ),
        );
        checkClose("the product", await product.read(), expected, 1e-5);
        product.dispose();
      }),
      { seed: 5, numRuns: 60 },
    );
    expect(device.stats.liveBuffers).toBe(0);
  });

  it("adds products of few rows in one tree, to the last bit, wherever an element stands (seed 11)", async () => {
    using device = await openDevice("cpu", { threads: 2, variant: "simd" });
    await fc.assert(
      fc.asyncProperty(fewRows, async ({ rows, columns, inner }) => {
        const [x, w] = [values(rows * inner, 0.37), values(columns * inner, 0.73)];
        using product = device.scope(() =>
          project([{ features: device.tensor(x, [rows, inner]), weight: device.tensor(w, [columns, inner]) }]),
        );
        const lineOf = (from: Float32Array, line: number) => from.subarray(line * inner, (line + 1) * inner);
        const expected = Float32Array.from({ length: rows * columns }, (_, index) =>
          treeDot(lineOf(x, Math.floor(index / columns)), lineOf(w, index % columns)),
        );
        expect(await product.read()).toEqual(expected);
      }),
      { seed: 11, numRuns: 30 },
    );
  });

  it.skipIf(!joinsVectors)("has the same bits where the engine joins vectors (seed 12)", async () => {
    using wide = await openWide();
    using relaxed = await openDevice("cpu", { threads: 2, variant: "relaxed" });
    await fc.assert(
      fc.asyncProperty(extents, async ({ rows, columns, inner, transposeA, transposeB }) => {
        const bitsOn = async (device: Device) => {
          using product = device.scope(() =>
            matmul(
              device.tensor(values(rows * inner, 0.37), transposeA ? [inner, rows] : [rows, inner]),
              device.tensor(values(columns * inner, 0.73), transposeB ? [columns, inner] : [inner, columns]),
              { transposeA, transposeB },
            ),
          );
          return product.read();
        };
        expect(await bitsOn(wide)).toEqual(await bitsOn(relaxed));
      }),
      { seed: 12, numRuns: 80 },
    );
  });

  it("gives a row the same bits whatever rows stand beside it, among few and among many", async () => {
    const device = await sharedDevice("cpu");
    const [inner, columns] = [827, 53];
    const weight = device.tensor(values(columns * inner, 0.73), [columns, inner]);
    const firstRow = async (device: Device, rows: number) => {
      using features = device.tensor(values(rows * inner, 0.37), [rows, inner]);
      using product = project([{ features, weight }]);
      return (await product.read()).slice(0, columns);
    };
    const [one, many] = [await firstRow(device, 1), await firstRow(device, 17)];
    for (let rows = 2; rows <= 16; rows++) expect(await firstRow(device, rows)).toEqual(one);
    for (const rows of [18, 64, 131]) expect(await firstRow(device, rows)).toEqual(many);
    weight.dispose();
  });

  it("gives columns the same bits in whichever slab of packed columns they are", async () => {
    const device = await sharedDevice("cpu");
    // 768 columns of so many steps fill a slab.
    const [rows, inner, columns, last] = [17, 2048, 1549, 53];
    const weights = values(columns * inner, 0.73);
    const results = device.scope(() => {
      const features = device.tensor(values(rows * inner, 0.37), [rows, inner]);
      const of = (count: number) =>
        project([
          { features, weight: device.tensor(weights.subarray(weights.length - count * inner), [count, inner]) },
        ]);
      return { whole: of(columns), part: of(last) };
    });
    const [whole, part] = [await results.whole.read(), await results.part.read()];
    for (let row = 0; row < rows; row++) {
      const end = (row + 1) * columns;
      expect(whole.slice(end - last, end)).toEqual(part.slice(row * last, (row + 1) * last));
    }
    for (const tensor of Object.values(results)) tensor.dispose();
  });
});
