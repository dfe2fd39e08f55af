// What packed weights buy: matrix-vector products and whole decode steps of the base model in every dtype, interleaved on
// the same numbers. Knows no head; on devices without packed weights only f32 is left.
import { type WeightDtype, weightDtypes } from "@dual-head/backbone-llama";
import { createBasePolicy } from "@dual-head/methods";
import { byteLengthOf, type Device, leavesOf, matmul, type Tensor } from "@dual-head/tensor-core";
import { type Benchmark, type Context, createBarrier, extentsFor, roundsOf } from "../benchmark.ts";
import { type Alternative, measure, ratesOf, speedups, summarise } from "../harness.ts";
import {
  createRandomLlama,
  llamaExtents,
  modelShape,
  randomTensor,
  randomTokens,
  randomValues,
} from "../random-model.ts";
import type { Reading } from "../row.ts";

/** A vector times [columns, inner]ᵀ, repeated until the clock is worth reading. */
interface ProductExtents {
  readonly inner: number;
  readonly columns: number;
  readonly repeats: number;
}

const tinyProducts: readonly ProductExtents[] = [{ inner: 11, columns: 17, repeats: 1 }];
const products: readonly ProductExtents[] = [
  { inner: 288, columns: 32000, repeats: 4 },
  { inner: 2048, columns: 8192, repeats: 2 },
];

/** An alternative with the bytes of weights that one run of it reads. */
interface Reader extends Alternative, Disposable {
  readonly bytes: number;
}

/** GB/s of weights read and decode tokens/s by dtype, and their ratios to f32. */
export const weights: Benchmark = {
  name: "weights",
  description: "products and decode steps with weights in f32, bf16, q8 and q4: GB/s of weights, tokens/s, ratios",
  async *run(context: Context): AsyncIterable<Reading> {
    const dtypes = weightDtypes.filter((dtype) => dtype === "f32" || packs(context.device));
    for (const extents of extentsFor(context, tinyProducts, products)) {
      const shape = `1×${extents.inner}×${extents.columns}`;
      if (!context.accepts(shape)) continue;
      const rounds = { warmupRounds: 3, rounds: 31 };
      const readers = async (dtype: WeightDtype) => productReader(context.device, extents, dtype);
      yield* compare(context, shape, "GEMV", dtypes, readers, rounds, extents.repeats);
    }
    for (const extents of extentsFor(context, [llamaExtents.tiny], [llamaExtents.medium, llamaExtents.large])) {
      const shape = modelShape(extents);
      if (!context.accepts(shape)) continue;
      const rounds = { warmupRounds: 3, rounds: 24 };
      const readers = (dtype: WeightDtype) => decodeReader(context.device, extents, dtype, 28);
      yield* compare(context, shape, "step", dtypes, readers, rounds, 1);
    }
  },
};

function packs(device: Device): boolean {
  return device.info.features.includes("packed weights");
}

async function* compare(
  context: Context,
  shape: string,
  work: string,
  dtypes: readonly WeightDtype[],
  create: (dtype: WeightDtype) => Promise<Reader>,
  rounds: { readonly warmupRounds: number; readonly rounds: number },
  repeats: number,
): AsyncIterable<Reading> {
  const readers: Reader[] = [];
  try {
    for (const dtype of dtypes) readers.push(await create(dtype));
    const samples = await measure(readers, roundsOf(context, rounds));
    for (const { name, bytes } of readers) {
      const variant = `${work} ${name}`;
      if (work === "step")
        yield { shape, variant, unit: "tokens/s", summary: summarise(ratesOf(samples, name, repeats)) };
      yield { shape, variant, unit: "GB/s", summary: summarise(ratesOf(samples, name, bytes / 1e9)) };
    }
    for (const { name } of readers.slice(1)) {
      yield {
        shape,
        variant: `${work} ${name} / f32`,
        unit: "× speed",
        summary: summarise(speedups(samples, name, "f32")),
      };
    }
  } finally {
    for (const reader of readers) reader[Symbol.dispose]();
  }
}

function productReader(device: Device, { inner, columns, repeats }: ProductExtents, dtype: WeightDtype): Reader {
  const x = randomTensor(device, [1, inner], 1, 1);
  const values = randomValues(columns * inner, 1 / Math.sqrt(inner), 2);
  const weight = device.keep(device.tensor(values, [columns, inner], dtype === "f32" ? device.floatDtype : dtype));
  const barrier = createBarrier(device);
  return {
    name: dtype,
    bytes: repeats * byteLengthOf(weight),
    async run() {
      for (let repeat = 0; repeat < repeats; repeat++) matmul(x, weight, { transposeB: true }).dispose();
      await barrier.settle();
    },
    [Symbol.dispose]() {
      for (const each of [x, weight, barrier]) each[Symbol.dispose]();
    },
  };
}

/** Decode steps of the base model with given tokens, up to the logits on the host. */
async function decodeReader(
  device: Device,
  extents: (typeof llamaExtents)["medium"],
  dtype: WeightDtype,
  stepCount: number,
): Promise<Reader> {
  const model = createRandomLlama(device, extents, dtype);
  const { backbone, params } = model;
  const policy = createBasePolicy({ backbone, params, device, slotCount: 1, capacity: stepCount + 2 });
  const tokens = randomTokens(policy.vocabSize, stepCount + 2, 4);
  const sequence = policy.open();
  return {
    name: dtype,
    // The embedding is read as head; its rows as embeddings are nothing beside.
    bytes: leavesOf<Tensor>(params).reduce((sum, { leaf }) => sum + byteLengthOf(leaf), 0),
    async run() {
      const [step] = await policy.advance([{ sequence, tokens: [tokens[policy.length(sequence)]!] }]);
      await step!.logits();
    },
    [Symbol.dispose]() {
      policy[Symbol.dispose]();
      model[Symbol.dispose]();
    },
  };
}
