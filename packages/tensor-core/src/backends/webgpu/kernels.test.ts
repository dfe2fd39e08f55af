// Kernels where the ops' laws do not reach: extents beyond one tile, block, slice or grid axis, and tensors beyond one
// binding. Expected values come from the reference device.
import { describe, expect, it } from "vitest";
import { createDevice, type Device } from "../../device.ts";
import { apply } from "../../dispatch.ts";
import { DeviceError } from "../../errors.ts";
import { type AdamwAttrs, adamwOp } from "../../ops/adamw/op.ts";
import { affineOp } from "../../ops/affine/op.ts";
import { attentionGradOp, attentionOp } from "../../ops/attention/op.ts";
import { binaryOp } from "../../ops/binary/op.ts";
import { sumToOp } from "../../ops/broadcast/op.ts";
import { gatherRowsOp, scatterAddRowsOp } from "../../ops/gather-rows/op.ts";
import { linearCrossEntropyGradOp, linearCrossEntropyOp } from "../../ops/linear-cross-entropy/op.ts";
import { logSoftmaxOp } from "../../ops/log-softmax/op.ts";
import { matmulOp } from "../../ops/matmul/op.ts";
import type { OpDefinition } from "../../ops/op.ts";
import { projectOp } from "../../ops/project/op.ts";
import { rmsNormGradOp } from "../../ops/rms-norm/op.ts";
import { swigluOp } from "../../ops/swiglu/op.ts";
import { unaryOp } from "../../ops/unary/op.ts";
import { writeRowsOp } from "../../ops/write-rows/op.ts";
import { createRandom } from "../../random.ts";
import { sizeOf } from "../../spec.ts";
import { checkClose, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { openWebGpuBackend } from "./backend.ts";
import { gridOf } from "./kernel.ts";
import { rowRanges } from "./ranges.ts";

const available = testDeviceNames.includes("webgpu");
const random = createRandom(3, "webgpu kernels");

interface Given {
  readonly shape: readonly number[];
  readonly values: Float64Array | Uint32Array;
}

function floats(...shape: number[]): Given {
  return { shape, values: Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(random.uniform() * 2 - 1)) };
}

function indices(bound: number, ...shape: number[]): Given {
  return { shape, values: Uint32Array.from({ length: sizeOf(shape) }, () => random.integer(bound)) };
}

async function run<Attrs>(
  device: Device,
  op: OpDefinition<Attrs>,
  given: readonly Given[],
  attrs: Attrs,
): Promise<ArrayLike<number>[]> {
  const outputs = device.scope(() =>
    apply(
      op,
      given.map(({ values, shape }) => device.tensor(values, shape)),
      attrs,
    ),
  );
  const arrays = await Promise.all(outputs.map((output) => output.read()));
  for (const output of outputs) output.dispose();
  return arrays;
}

async function agrees<Attrs>(
  device: Device,
  op: OpDefinition<Attrs>,
  given: readonly Given[],
  attrs: Attrs,
  tolerance = 2e-5,
): Promise<void> {
  const expected = await run(await sharedDevice("reference"), op, given, attrs);
  const actual = await run(device, op, given, attrs);
  for (const [index, values] of expected.entries())
    checkClose(`output ${index} of ${op.name}`, actual[index]!, values, tolerance);
}

describe.skipIf(!available)("kernels on webgpu agree with the oracle", () => {
  it.each([1, 2, 3, 8, 9, 67])("matmul of %i rows, all forms, with inner extents beyond a tile", async (rows) => {
    const device = await sharedDevice("webgpu");
    for (const [transposeA, transposeB] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ] as const) {
      for (const [columns, inner] of [
        [131, 97],
        [5, 211],
        [1, 3],
      ] as const) {
        const a = transposeA ? floats(inner, rows) : floats(rows, inner);
        const b = transposeB ? floats(columns, inner) : floats(inner, columns);
        await agrees(device, matmulOp, [a, b], { transposeA, transposeB });
      }
    }
  });

  it("sums along rows, columns and between, beyond a block of partial sums", async () => {
    const device = await sharedDevice("webgpu");
    await agrees(device, sumToOp, [floats(9001)], { shape: [] });
    await agrees(device, sumToOp, [floats(3, 4999)], { shape: [3, 1] });
    await agrees(device, sumToOp, [floats(997, 7)], { shape: [7] });
    await agrees(device, sumToOp, [floats(3, 401, 5)], { shape: [3, 1, 5] });
    await agrees(device, sumToOp, [floats(2, 3, 5, 7, 11)], { shape: [1, 3, 1, 7, 1] });
    await agrees(device, sumToOp, [floats(0, 5)], { shape: [5] });
  });

  it("attention over several tiles of keys and slices of wide values", async () => {
    const device = await sharedDevice("webgpu");
    const ends = [
      [0, 1],
      [3, 64],
      [0, 150],
      [100, 167],
      [2, 130],
    ];
    const ranges = { shape: [5, 2], values: Uint32Array.from(ends.flat()) };
    const attrs = { headCount: 2, groupCount: 1, scale: 0.5 };
    const given = [floats(5, 2 * 7), floats(167, 7), floats(167, 301), ranges];
    await agrees(device, attentionOp, given, attrs);
  });

  it("the gradient of attention over several tiles of queries and slices of wide heads", async () => {
    const device = await sharedDevice("webgpu");
    const reference = await sharedDevice("reference");
    for (const [headSize, valueSize] of [
      [5, 3],
      [263, 2],
      [2, 263],
    ] as const) {
      const queries = 149;
      const keys = 83;
      const ranges = Uint32Array.from({ length: 2 * queries }, (_, at) => {
        const start = Math.floor(at / 2) % 53;
        return at % 2 === 0 ? start : start + 1 + (Math.floor(at / 2) % 29);
      });
      const attrs = { headCount: 2, groupCount: 1, scale: 1 / Math.sqrt(headSize) };
      const forward = [
        floats(queries, 2 * headSize),
        floats(keys, headSize),
        floats(keys, valueSize),
        { shape: [queries, 2], values: ranges },
      ];
      const [out, logNormaliser] = await run(reference, attentionOp, forward, attrs);
      const saved = [
        { shape: [queries, 2 * valueSize], values: Float64Array.from(out!) },
        { shape: [queries, 2], values: Float64Array.from(logNormaliser!) },
      ];
      await agrees(device, attentionGradOp, [...forward, ...saved, floats(queries, 2 * valueSize)], attrs, 5e-5);
    }
  });

  it("logSoftmax and rmsNorm's gradient of rows wider than a workgroup", async () => {
    const device = await sharedDevice("webgpu");
    await agrees(device, logSoftmaxOp, [floats(3, 1009)], {});
    await agrees(device, rmsNormGradOp, [floats(211, 131), floats(131), floats(211, 131)], { epsilon: 1e-5 });
  });

  it("more items than one grid axis holds workgroups", async () => {
    const device = await sharedDevice("webgpu");
    const count = 65_535 * 64 + 77;
    const x = device.tensor(new Float32Array(count).fill(1), [count]);
    const y = device.scope(() => apply(affineOp, [x], { scale: 2, shift: 1 })[0]!);
    const values = await y.read();
    expect(values.every((value) => value === 3)).toBe(true);
    x.dispose();
    y.dispose();
  });
});

describe.skipIf(!available)("tensors beyond one binding", () => {
  it("give the same results in ranges", async () => {
    const narrow = createDevice(await openWebGpuBackend({ maxBindingSize: 16_384 }), "test");
    for (const [rows, vocabulary] of [
      [11, 1409],
      [2, 1409],
    ] as const)
      await agreesInRanges(narrow, rows, vocabulary);
    narrow.dispose();
  });

  async function agreesInRanges(narrow: Device, rows: number, vocabulary: number): Promise<void> {
    const size = 7;
    const [features, weight] = [floats(rows, size), floats(vocabulary, size)];
    const second = [floats(rows, 3), floats(vocabulary, 3)];
    const targets = indices(vocabulary, rows);
    await agrees(narrow, projectOp, [features, weight, ...second], {});
    await agrees(narrow, matmulOp, [features, weight], { transposeA: false, transposeB: true });
    await agrees(narrow, matmulOp, [floats(rows, vocabulary), weight], { transposeA: false, transposeB: false });
    await agrees(narrow, matmulOp, [floats(vocabulary, 5), floats(vocabulary, size)], {
      transposeA: true,
      transposeB: false,
    });
    await agrees(narrow, matmulOp, [floats(size, vocabulary), floats(size, 5)], {
      transposeA: true,
      transposeB: false,
    });
    await agrees(narrow, linearCrossEntropyOp, [targets, features, weight, ...second], { saved: 0 });
    const [, logNormaliser] = await run(
      await sharedDevice("reference"),
      linearCrossEntropyOp,
      [targets, features, weight],
      { saved: 0 },
    );
    const lse = { shape: [rows], values: Float64Array.from(logNormaliser!) };
    const none = { shape: [rows, 0], values: new Float64Array(0) };
    for (const needs of [
      [true, true],
      [true, false],
      [false, true],
    ]) {
      await agrees(narrow, linearCrossEntropyGradOp, [floats(rows), lse, none, targets, features, weight], { needs });
    }
    await agrees(narrow, gatherRowsOp, [weight, indices(vocabulary, 17)], {});
    await agrees(narrow, scatterAddRowsOp, [floats(17, size), indices(vocabulary, 17)], { rowCount: vocabulary });
    await agrees(narrow, logSoftmaxOp, [floats(23, 512)], {});
    await agrees(narrow, sumToOp, [floats(vocabulary, size)], { shape: [] });
    await agrees(narrow, sumToOp, [floats(vocabulary, size)], { shape: [size] });
    await agrees(narrow, sumToOp, [floats(vocabulary, size)], { shape: [vocabulary, 1] });
    const wide = [floats(vocabulary, size), floats(vocabulary, size)];
    await agrees(narrow, binaryOp, wide, { name: "subtract" });
    await agrees(narrow, binaryOp, [wide[0]!, floats(1)], { name: "divide" });
    await agrees(narrow, swigluOp, wide, {});
    await agrees(narrow, unaryOp, [wide[0]!], { name: "exp" });
    await agrees(narrow, affineOp, [wide[0]!], { scale: 3, shift: -1 });
  }

  it("are updated in place in ranges", async () => {
    const narrow = createDevice(await openWebGpuBackend({ maxBindingSize: 16_384 }), "test");
    const attrs: AdamwAttrs = { learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, step: 3 };
    const positive = floats(1409, 7);
    const v = { shape: positive.shape, values: positive.values.map(Math.abs) as Float64Array };
    await agrees(
      narrow,
      adamwOp,
      [floats(1409, 7), floats(1409, 7), v, floats(1409, 7), { shape: [], values: Float64Array.of(0.5) }],
      attrs,
    );
    const order = createRandom(5).permutation(1409).slice(0, 101);
    await agrees(narrow, writeRowsOp, [floats(1409, 7), floats(101, 7), { shape: [101], values: order }], {});
    narrow.dispose();
  });

  it("are refused before anything runs where an op cannot cut them", async () => {
    const narrow = createDevice(await openWebGpuBackend({ maxBindingSize: 16_384 }), "test");
    const [x, row] = [narrow.tensor(new Float32Array(1409 * 7), [1409, 7]), narrow.tensor(new Float32Array(7), [7])];
    expect(() => apply(binaryOp, [x, row], { name: "add" })).toThrow(DeviceError);
    expect(() => apply(binaryOp, [x, row], { name: "add" })).toThrow("maxStorageBufferBindingSize");
    const wide = narrow.tensor(new Float32Array(2 * 6007), [2, 6007]);
    expect(() => apply(logSoftmaxOp, [wide], {})).toThrow("may span 16384 (maxStorageBufferBindingSize)");
    expect([...(await row.read())]).toEqual([0, 0, 0, 0, 0, 0, 0]);
    narrow.dispose();
  });
});

describe("rowRanges()", () => {
  const limits = { maxBindingSize: 65_536, maxWorkgroups: 65_535, offsetAlignment: 256 };

  it("covers the rows in order, within the binding, at aligned offsets of every operand", () => {
    for (const rowBytes of [[4], [28], [12, 28], [256], [1024, 4], [65_536]]) {
      const ranges = rowRanges("test", 50_021, rowBytes, limits);
      let next = 0;
      let aligned = true;
      for (const { start, count } of ranges) {
        expect(start).toBe(next);
        next += count;
        aligned &&= rowBytes.every((bytes) => (start * bytes) % 256 === 0 && count * bytes <= 65_536);
      }
      expect(next).toBe(50_021);
      expect(aligned).toBe(true);
    }
  });

  it("keeps what fits in one range, and throws where rows cannot be cut", () => {
    expect(rowRanges("test", 16_384, [4], limits)).toEqual([{ start: 0, count: 16_384 }]);
    expect(rowRanges("test", 0, [4], limits)).toEqual([{ start: 0, count: 0 }]);
    expect(() => rowRanges("test", 9, [65_540], limits)).toThrow(DeviceError);
  });
});

describe("gridOf()", () => {
  it("folds long grids over two axes and keeps empty ones empty", () => {
    const limits = { maxBindingSize: 1, maxWorkgroups: 7, offsetAlignment: 1 };
    expect(gridOf(limits, 5)).toEqual([5, 1, 1]);
    expect(gridOf(limits, 15, 3)).toEqual([7, 3, 3]);
    expect(gridOf(limits, 0)).toEqual([1, 0, 1]);
  });
});
