// Every packed format: how far values move, what stays exact, whatever the extents; and products and rows of packed weights
// on the cpu device against float64.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openDevice } from "../device.ts";
import { ShapeError } from "../errors.ts";
import { gatherRows, linearCrossEntropy, matmul, project, reshape, sumTo, unpack, valueAndGrad } from "../index.ts";
import { createRandom } from "../random.ts";
import { byteLengthOf } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { checkClose, sharedDevice } from "../testing/index.ts";
import { blockColumns, type PackedDtype } from "./format.ts";
import { packedFormats, packMatrix, unpackMatrix } from "./packing.ts";

const seed = 20260301;
const dtypes = Object.keys(packedFormats) as PackedDtype[];
const extents = fc.record({
  rows: fc.integer({ min: 1, max: 37 }),
  columns: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 30, max: 70 })),
  scale: fc.constantFrom(1e-30, 1e-6, 1e-3, 1, 5e3),
  draw: fc.nat(),
});

function normals(draw: number, count: number, scale: number = 1): Float32Array {
  const random = createRandom(draw, `normals ${count}`);
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

/** Largest magnitude of the block that holds entry `at`. */
function blockMaximum(values: Float32Array, columns: number, at: number): number {
  const row = Math.floor(at / columns) * columns;
  const first = Math.floor((at - row) / blockColumns) * blockColumns;
  const block = values.subarray(row + first, row + Math.min(columns, first + blockColumns));
  return block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** How far a value may move, as a share of the largest magnitude of its block (of itself for 16-bit floats). */
const bounds: Readonly<Record<PackedDtype, number>> = {
  bf16: 2 ** -8,
  f16: 2 ** -11,
  q8: (0.5 / 127) * (1 + 2 ** -10),
  q4: (1 / 8) * (1 + 2 ** -10),
};
/** How far it may move in any case: below its normal range binary16 has steps of 2^-24. */
const steps: Readonly<Record<PackedDtype, number>> = { bf16: 0, f16: 2 ** -25, q8: 2 ** -25, q4: 2 ** -24 };

describe.each(dtypes)("the format %s", (dtype) => {
  it(`moves no value further than its bound (seed ${seed})`, () => {
    fc.assert(
      fc.property(extents, ({ rows, columns, scale, draw }) => {
        const values = normals(draw, rows * columns, scale);
        const decoded = unpackMatrix(dtype, packMatrix(dtype, values, rows, columns), rows, columns);
        for (const [at, value] of values.entries()) {
          const blocks = dtype === "q8" || dtype === "q4";
          const reach = blocks ? blockMaximum(values, columns, at) : Math.abs(value);
          const bound = Math.max(steps[dtype], reach * bounds[dtype] * (1 + 1e-5)) + steps[dtype];
          expect(Math.abs(decoded[at]! - value)).toBeLessThanOrEqual(bound);
        }
      }),
      { seed, numRuns: 40 },
    );
  });

  it(`keeps the mean error far below the bound, zeros, and what was decoded once (seed ${seed})`, () => {
    fc.assert(
      fc.property(extents, ({ rows, columns, scale, draw }) => {
        const values = normals(draw, rows * columns, scale).map((value, at) => (at % 5 === 0 ? 0 : value));
        const once = unpackMatrix(dtype, packMatrix(dtype, values, rows, columns), rows, columns);
        for (const [at, value] of values.entries()) if (value === 0) expect(Math.abs(once[at]!)).toBe(0);
        const twice = unpackMatrix(dtype, packMatrix(dtype, once, rows, columns), rows, columns);
        // A scale below the normal range of binary16 may move by a step.
        const most = { bf16: 0, f16: 0, q8: 127, q4: 8 }[dtype] * 2 ** -24;
        checkClose("decoded twice", twice, once, 1e-6 * scale + most);
      }),
      { seed, numRuns: 20 },
    );
  });

  it("takes the bits it promises", () => {
    const bits = { bf16: 16, f16: 16, q8: 8.5, q4: 4.5 }[dtype];
    expect(byteLengthOf({ shape: [64, 96], dtype })).toBe((64 * 96 * bits) / 8);
  });
});

describe.each(["q8", "q4"] as const)("%s", (dtype) => {
  it("refuses blocks whose scale has no place in binary16, on every device that packs", async () => {
    const most = { q8: 127, q4: 8 }[dtype] * 65_504;
    for (const name of ["cpu", "reference"] as const) {
      const device = await sharedDevice(name);
      using held = device.tensor([1, -most], [1, 2], dtype);
      expect((await held.read())[1]).toBe(-most);
      const before = device.stats.liveBuffers;
      for (const value of [1.01 * most, -Infinity, Number.NaN]) {
        expect(() => device.tensor([1, value], [1, 2], dtype)).toThrow(`past ${most}; hold the matrix as bf16 or f32`);
      }
      expect(device.stats.liveBuffers).toBe(before);
    }
  });
});

describe("bf16", () => {
  it("rounds to nearest even, and keeps infinities and NaN", () => {
    const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -(1 + 2 ** -7), 3.4e38, Infinity, NaN);
    const decoded = unpackMatrix("bf16", packMatrix("bf16", values, 1, 7), 1, 7);
    expect([...decoded]).toEqual([1, 1, 1 + 2 ** -6, -(1 + 2 ** -7), Infinity, Infinity, NaN]);
  });
});

describe("f16", () => {
  it("has the value of every finite half, and refuses what it cannot hold", async () => {
    const halves = Uint16Array.from({ length: 65_536 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00);
    // The definition: (-1)^s 2^(e - 25) (1024 [e > 0] + f), e at least 1.
    const values = Float32Array.from(halves, (bits) => {
      const exponent = (bits >>> 10) & 31;
      const integer = (bits & 1023) + (exponent > 0 ? 1024 : 0);
      return (bits & 0x8000 ? -1 : 1) * integer * 2 ** (Math.max(1, exponent) - 25);
    });
    const [rows, columns] = [8, values.length / 8];
    expect(unpackMatrix("f16", packMatrix("f16", values, rows, columns), rows, columns)).toEqual(values);
    for (const value of [65_520, -1e6, Infinity, NaN]) {
      expect(() => packMatrix("f16", [value], 1, 1)).toThrow(/bf16/);
    }
    const device = await sharedDevice("cpu");
    const before = device.stats.liveBuffers;
    expect(() => device.tensor([1, 65_520], [1, 2], "f16")).toThrow(/bf16/);
    expect(device.stats.liveBuffers).toBe(before);
    using all = device.tensor(values, [rows, columns], "f16");
    expect(await all.read()).toEqual(values);
    const rounded = packMatrix("f16", [1 + 2 ** -11, 1 + 3 * 2 ** -11, 65_519, 3 * 2 ** -25], 1, 4);
    expect([...unpackMatrix("f16", rounded, 1, 4)]).toEqual([1, 1 + 2 ** -9, 65_504, 2 ** -23]);
  });
});

/** How far x row · w column may be off: each activation by half a step of its block, sums by what floats keep. */
function roundingBound(
  x: Float32Array,
  w: Float32Array,
  inner: number,
  row: number,
  column: number,
  largest: number,
): number {
  let bound = 0;
  for (let k = 0; k < inner; k++) {
    const step = blockMaximum(x, inner, row * inner + k) / largest;
    bound += Math.abs(w[column * inner + k]!) * (step / 2 + 3e-6 * Math.abs(x[row * inner + k]!));
  }
  return bound * (1 + 1e-3);
}

describe.each(dtypes)("products with %s weights on cpu", (dtype) => {
  const shapes = fc.record({
    rows: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 40 })),
    columns: fc.integer({ min: 1, max: 45 }),
    inner: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 250, max: 300 })),
    draw: fc.nat(),
  });

  it.each(["relaxed-dots", "relaxed", "simd"])(
    `agree with float64, either way round, variant %s (seed ${seed})`,
    async (variant) => {
      using device = await openDevice("cpu", { threads: 2, variant });
      const reference = await sharedDevice("reference");
      await fc.assert(
        fc.asyncProperty(shapes, async ({ rows, columns, inner, draw }) => {
          const [x, w, g] = [
            normals(draw, rows * inner),
            normals(draw + 1, columns * inner),
            normals(draw, rows * columns),
          ];
          for (const [transposeB, values, width] of [
            [true, x, inner],
            [false, g, columns],
          ] as const) {
            const on = (at: typeof device) =>
              at.scope(() =>
                matmul(at.tensor([...values], [rows, width]), at.tensor(w, [columns, inner], dtype), { transposeB }),
              );
            const [found, expected] = [await on(device).read(), await on(reference).read()];
            if (transposeB && (dtype === "q8" || dtype === "q4")) {
              const decoded = unpackMatrix(dtype, packMatrix(dtype, w, columns, inner), columns, inner);
              const largest = variant === "relaxed-dots" ? { q8: 8191, q4: 127 }[dtype] : 32_767;
              for (const [at, value] of found.entries()) {
                const bound = roundingBound(x, decoded, inner, Math.floor(at / columns), at % columns, largest);
                expect(Math.abs(value - expected[at]!)).toBeLessThanOrEqual(bound);
              }
            } else checkClose("the product", found, expected, 5e-5);
          }
        }),
        { seed, numRuns: 25 },
      );
    },
  );

  it("give one element the same bits in any batch of few rows and for any number of threads", async () => {
    const [inner, columns] = [67, 29];
    const [x, w] = [normals(1, 21 * inner), normals(2, columns * inner)];
    const of = async (threads: number, rows: number) => {
      using device = await openDevice("cpu", { threads });
      const product = matmul(
        device.tensor(x.slice(0, rows * inner), [rows, inner]),
        device.tensor(w, [columns, inner], dtype),
        {
          transposeB: true,
        },
      );
      return (await product.read()).slice(0, columns);
    };
    const alone = await of(1, 1);
    expect(await of(3, 1)).toEqual(alone);
    expect(await of(3, 4)).toEqual(alone);
  });

  it("have the bits of one row in any batch, where integers are dots of bytes", async () => {
    if (dtype !== "q8" && dtype !== "q4") return;
    // More than the 32 blocks that meet at once, and columns that fill neither a panel nor a pair of them.
    const [inner, columns] = [1063, 43];
    const values = normals(7, 300 * inner);
    const rowsOf = async (threads: number, rows: number) => {
      using device = await openDevice("cpu", { threads, variant: "relaxed-dots" });
      const features = device.tensor(values.slice(0, rows * inner), [rows, inner]);
      const [once, other] = [8, 9].map((draw) =>
        device.tensor(normals(draw, columns * inner), [columns, inner], dtype),
      );
      const terms = [once, other].map((weight) => ({ features, weight: weight! }));
      return project(terms).read();
    };
    const all = await rowsOf(3, 300);
    for (const rows of [1, 4, 7, 10, 13]) {
      expect(await rowsOf(1, rows)).toEqual(all.slice(0, rows * columns));
    }
    expect(await rowsOf(1, 300)).toEqual(all);
  });

  it("are no numbers in rows with an infinite activation, and right in the others", async () => {
    if (dtype !== "q8" && dtype !== "q4") return;
    const [inner, columns] = [67, 19];
    for (const variant of ["relaxed-dots", "simd"] as const) {
      using device = await openDevice("cpu", { threads: 1, variant });
      for (const rows of [2, 13]) {
        const values = normals(11, rows * inner);
        const productOf = () =>
          device.scope(() =>
            matmul(
              device.tensor([...values], [rows, inner]),
              device.tensor(normals(12, columns * inner), [columns, inner], dtype),
              { transposeB: true },
            ),
          );
        const expected = [...(await productOf().read())];
        values[inner + 40] = rows === 2 ? Infinity : -Infinity;
        const found = [...(await productOf().read())];
        const isSpoilt = (at: number) => Math.floor(at / columns) === 1;
        expect(found).toEqual(expected.map((value, at) => (isSpoilt(at) ? Number.NaN : value)));
      }
    }
  });

  it("serve heads, scores and their gradients beside float heads", async () => {
    const [rows, columns, inner] = [5, 31, 43];
    const targets = Uint32Array.from({ length: rows }, (_, row) => (7 * row) % columns);
    const on = async (name: "cpu" | "reference") => {
      const device = await sharedDevice(name);
      const frozen = device.tensor(normals(3, columns * inner, 0.3), [columns, inner], dtype);
      const trained = device.tensor([...normals(4, columns * inner, 0.3)], [columns, inner]);
      const hidden = device.tensor([...normals(5, rows * inner)], [rows, inner]);
      const terms = (h: Tensor, own: Tensor) => [
        { features: h, weight: frozen },
        { features: h, weight: own },
      ];
      const loss = (params: { readonly h: Tensor; readonly own: Tensor }) =>
        sumTo(linearCrossEntropy(terms(params.h, params.own), device.tensor(targets, [rows])), []);
      const { value, grad } = valueAndGrad(loss)({ h: hidden, own: trained });
      const logits = project(terms(hidden, trained));
      const found = [value, grad.h, grad.own, logits];
      return Promise.all(found.map(async (tensor) => [...(await tensor.read())]));
    };
    const [actual, expected] = [await on("cpu"), await on("reference")];
    // Dots of bytes round activations for q4 to eight bits.
    const isCoarse = dtype === "q4" && (await sharedDevice("cpu")).info.variant.endsWith("-dots");
    const tolerance = isCoarse ? 5e-3 : 1e-4;
    for (const [index, values] of expected.entries()) checkClose(`result ${index}`, actual[index]!, values, tolerance);
  });

  it(`are packed to the bits of the format (seed ${seed})`, async () => {
    const [cpu, reference] = [await sharedDevice("cpu"), await sharedDevice("reference")];
    await fc.assert(
      fc.asyncProperty(extents, fc.constantFrom(0, 0.5), async ({ rows, columns, scale, draw }, step) => {
        // Steps bring ties of the rounding, and zeros.
        const values = normals(draw, rows * columns, scale).map((value) =>
          step === 0 ? value : scale * step * Math.round(value / scale / step),
        );
        using packed = cpu.tensor(values, [rows, columns], dtype);
        using expected = reference.tensor(values, [rows, columns], dtype);
        // What both decode to tells all bits but those of the filling, which products would show.
        expect([...(await packed.read())]).toEqual([...(await expected.read())]);
      }),
      { seed, numRuns: 40 },
    );
    // Several slabs of rows.
    const [rows, columns] = [9000, 257];
    const values = normals(9, rows * columns);
    using packed = cpu.tensor(values, [rows, columns], dtype);
    const expected = unpackMatrix(dtype, packMatrix(dtype, values, rows, columns), rows, columns);
    expect((await packed.read()).findIndex((value, at) => value !== expected[at])).toBe(-1);
  });

  it("give rows and the whole matrix back exactly", async () => {
    const [rows, columns] = [19, 37];
    const values = normals(6, rows * columns);
    const decoded = unpackMatrix(dtype, packMatrix(dtype, values, rows, columns), rows, columns);
    for (const name of ["cpu", "reference"] as const) {
      const device = await sharedDevice(name);
      const packed = device.tensor(values, [rows, columns], dtype);
      expect([...(await packed.read())]).toEqual([...decoded]);
      expect([...(await unpack(packed).read())]).toEqual([...decoded]);
      const index = Uint32Array.of(18, 0, 7, 7);
      const expected = [...index].flatMap((row) => [...decoded.subarray(row * columns, (row + 1) * columns)]);
      expect([...(await gatherRows(packed, device.tensor(index, [4])).read())]).toEqual(expected);
    }
  });
});

describe("packed tensors", () => {
  it("are matrices on cpu and reference, for products only", async () => {
    const device = await sharedDevice("cpu");
    expect(() => device.tensor([1, 2, 3], [3], "q8")).toThrow(ShapeError);
    const packed = device.tensor([1, 2, 3, 4], [2, 2], "q8");
    expect(() => reshape(packed, [4])).toThrow(/packed/);
    expect(() => matmul(packed, packed)).toThrow(ShapeError);
    expect(() => valueAndGrad((x: Tensor) => sumTo(x, []))(packed)).toThrow(/not a float tensor/);
    const x = device.tensor([1, 2], [1, 2]);
    expect(unpack(x)).toBe(x);
  });
});
