// How near the kernels of decoding come to the memory: bytes of weights a second beside plain sums over as many bytes,
// interleaved. Knows no model.
import { type WeightDtype, weightDtypes } from "@dual-head/backbone-llama";
import { byteLengthOf, type Device, matmul, sumTo } from "@dual-head/tensor-core";
import { type Benchmark, type Context, createBarrier, extentsFor, roundsOf } from "../benchmark.ts";
import { type Alternative, measure, ratesOf, summarise } from "../harness.ts";
import { randomTensor, uniformValues } from "../random-model.ts";
import type { Reading } from "../row.ts";

interface Extents {
  readonly rows: number;
  readonly columns: number;
}

const tiny: readonly Extents[] = [{ rows: 17, columns: 11 }];
const full: readonly Extents[] = [
  { rows: 4096, columns: 4096 },
  { rows: 32000, columns: 288 },
  { rows: 32000, columns: 2048 },
];

type Reader = Alternative & Disposable & { readonly bytes: number };

/** GB/s of matrix-vector products in every dtype, and their share of what a plain sum reads. */
export const roofline: Benchmark = {
  name: "roofline",
  description: "matrix-vector products in every dtype: GB/s of weights, and their share of what plain sums read",
  async *run(context: Context): AsyncIterable<Reading> {
    const { device } = context;
    const dtypes = device.info.features.includes("packed weights") ? weightDtypes : (["f32"] as const);
    for (const extents of extentsFor(context, tiny, full)) {
      const shape = `${extents.rows}×${extents.columns}`;
      if (!context.accepts(shape)) continue;
      const readers: Reader[] = [];
      try {
        readers.push(sumReader(device, extents));
        for (const dtype of dtypes) readers.push(productReader(device, extents, dtype));
        const samples = await measure(readers, roundsOf(context, { warmupRounds: 3, rounds: 21 }));
        const rates = new Map(readers.map(({ name, bytes }) => [name, ratesOf(samples, name, bytes / 1e9)]));
        const peak = rates.get("sum")!;
        for (const [name, own] of rates) {
          yield { shape, variant: name, unit: "GB/s", summary: summarise(own) };
          if (name === "sum") continue;
          const shares = own.map((rate, round) => (100 * rate) / peak[round]!);
          yield { shape, variant: `${name} / sum`, unit: "% of GB/s", summary: summarise(shares) };
        }
      } finally {
        for (const reader of readers) reader[Symbol.dispose]();
      }
    }
  },
};

/** Reads as many numbers as the matrix has and adds them up. */
function sumReader(device: Device, { rows, columns }: Extents): Reader {
  const x = device.keep(device.tensor(uniformValues(rows * columns, 1, "sum"), [rows * columns], device.floatDtype));
  const barrier = createBarrier(device);
  return {
    name: "sum",
    bytes: byteLengthOf(x),
    async run() {
      sumTo(x, []).dispose();
      await barrier.settle();
    },
    [Symbol.dispose]() {
      for (const each of [x, barrier]) each[Symbol.dispose]();
    },
  };
}

function productReader(device: Device, { rows, columns }: Extents, dtype: WeightDtype): Reader {
  const x = randomTensor(device, [1, columns], 1, 1);
  const values = uniformValues(rows * columns, 1 / Math.sqrt(columns), "weight");
  const held = dtype === "f32" ? device.floatDtype : dtype;
  const weight = device.keep(device.tensor(values, [rows, columns], held));
  const barrier = createBarrier(device);
  return {
    name: `GEMV ${dtype}`,
    bytes: byteLengthOf(weight),
    async run() {
      matmul(x, weight, { transposeB: true }).dispose();
      await barrier.settle();
    },
    [Symbol.dispose]() {
      for (const each of [x, weight, barrier]) each[Symbol.dispose]();
    },
  };
}
