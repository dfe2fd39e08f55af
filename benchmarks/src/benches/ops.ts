// Matrix-matrix and matrix-vector products, the two that set the speed of training and of decoding. Alone in this
// folder in that it measures no model.
import { type Device, matmul } from "@dual-head/tensor-core";
import { type Benchmark, type Context, createBarrier, extentsFor, roundsOf } from "../benchmark.ts";
import { measure, ratesOf, summarise } from "../harness.ts";
import { randomTensor } from "../random-model.ts";
import type { Reading } from "../row.ts";

/** A product X[rows, inner]·Wᵀ with W [columns, inner], as layers and heads compute it. */
export interface ProductExtents {
  readonly rowCount: number;
  readonly inner: number;
  readonly columns: number;
}

const tinyProducts: readonly ProductExtents[] = [
  { rowCount: 13, inner: 11, columns: 17 },
  { rowCount: 1, inner: 11, columns: 17 },
];
const products: readonly ProductExtents[] = [
  { rowCount: 512, inner: 512, columns: 512 },
  { rowCount: 1024, inner: 288, columns: 32000 },
  { rowCount: 1024, inner: 288, columns: 768 },
  { rowCount: 1, inner: 288, columns: 32000 },
  { rowCount: 1, inner: 2048, columns: 8192 },
];

/** Work until the clock is worth reading; below it a sample repeats the product, within reason. */
const operationsPerSample = 2e8;
const mostRepeats = 500;

/** GEMM in GFLOP/s of useful work, GEMV in GB/s of weights read. */
export const ops: Benchmark = {
  name: "ops",
  description: "matrix products: GEMM in GFLOP/s, GEMV in GB/s of weights read",
  async *run(context: Context): AsyncIterable<Reading> {
    for (const extents of extentsFor(context, tinyProducts, products)) {
      const shape = productShape(extents);
      if (!context.accepts(shape)) continue;
      const product = createProduct(context.device, extents);
      try {
        const samples = await measure(
          [{ name: "product", run: product.run }],
          roundsOf(context, { warmupRounds: 3, rounds: 15 }),
        );
        const vector = extents.rowCount === 1;
        const work = vector ? product.bytesPerRun : product.operationsPerRun;
        const summary = summarise(ratesOf(samples, "product", work / 1e9));
        yield vector
          ? { shape, variant: "GEMV", unit: "GB/s", summary }
          : { shape, variant: "GEMM", unit: "GFLOP/s", summary };
      } finally {
        product[Symbol.dispose]();
      }
    }
  },
};

function productShape({ rowCount, inner, columns }: ProductExtents): string {
  return `${rowCount}×${inner}×${columns}`;
}

/** A product to be run again and again. */
export interface Product extends Disposable {
  readonly run: () => Promise<void>;
  /** Floating-point operations of one run, a multiply-add counted as two. */
  readonly operationsPerRun: number;
  /** Bytes of weights one run reads. */
  readonly bytesPerRun: number;
}

/** Creates a product whose run repeats it until it takes a measurable time; the caller disposes it. */
export function createProduct(device: Device, { rowCount, inner, columns }: ProductExtents): Product {
  const operations = 2 * rowCount * inner * columns;
  const repeats = device.name === "reference" ? 1 : Math.min(mostRepeats, Math.ceil(operationsPerSample / operations));
  const x = randomTensor(device, [rowCount, inner], 1, 1);
  const weight = randomTensor(device, [columns, inner], 1 / Math.sqrt(inner), 2);
  const barrier = createBarrier(device);
  return {
    operationsPerRun: repeats * operations,
    bytesPerRun: repeats * columns * inner * (weight.dtype === "f64" ? 8 : 4),
    async run() {
      for (let repeat = 0; repeat < repeats; repeat++) matmul(x, weight, { transposeB: true }).dispose();
      await barrier.settle();
    },
    [Symbol.dispose]() {
      for (const each of [x, weight]) each.dispose();
      barrier[Symbol.dispose]();
    },
  };
}
