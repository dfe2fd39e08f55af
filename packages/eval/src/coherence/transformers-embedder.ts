// Embeddings by a sentence model through transformers.js, which the user installs: it is no dependency, and loaded on
// demand. Knows no model by name.
import * as v from "valibot";
import { checkCount, MetricError } from "../metric-error.ts";
import type { Embedder } from "./embedder.ts";

const metric = "embeddings";
const packageName = "@huggingface/transformers";

const librarySchema = v.looseObject({ pipeline: v.function() });
const extractorSchema = v.function();
const tensorSchema = v.looseObject({
  dims: v.tuple([v.number(), v.number()]),
  data: v.custom<ArrayLike<number>>((data) => ArrayBuffer.isView(data) || Array.isArray(data)),
});

/** Which model embeds, and how. */
export interface TransformersEmbedderOptions {
  /** A repository of the hub or a local folder with ONNX weights, such as a SimCSE or MiniLM sentence model. */
  readonly model: string;
  /** How token vectors become one: their mean, or the first token's as in SimCSE. Default mean. */
  readonly pooling?: "mean" | "cls" | undefined;
  /** Passed to the library as it is: `dtype`, `device`, `revision`, `cache_dir`, `local_files_only` and so on. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Texts at once; default 16. */
  readonly batchSize?: number | undefined;
  /** The library's module, where it is not to be found from this package; default: imported by its name. */
  readonly library?: unknown;
}

/**
 * Opens an embedder over the feature-extraction pipeline of transformers.js. Texts longer than the model reads are cut by the
 * library, as the originals of this metric do.
 *
 * @throws MetricError ("missing") where the library is not installed or is another module; what the library throws where the
 * model cannot be loaded; by `embed` ("undefined") where the library gives no [n, D] tensor
 */
export async function openTransformersEmbedder(options: TransformersEmbedderOptions): Promise<Embedder> {
  const { model, pooling = "mean", settings = {}, batchSize = 16 } = options;
  checkCount(metric, "batchSize", batchSize, 1);
  const library = options.library === undefined ? await importLibrary() : options.library;
  if (!v.is(librarySchema, library)) {
    throw new MetricError(metric, "missing", `${packageName} has no function pipeline; install version 3 or 4 of it`);
  }
  const extractor: unknown = await library.pipeline("feature-extraction", model, settings);
  if (!v.is(extractorSchema, extractor)) {
    throw new MetricError(metric, "missing", `${packageName} gave no pipeline; install version 3 or 4 of it`);
  }
  return {
    name: `${model} (${pooling} pooling)`,
    async embed(texts, signal) {
      const vectors: ArrayLike<number>[] = [];
      for (let start = 0; start < texts.length; start += batchSize) {
        signal?.throwIfAborted();
        const batch = texts.slice(start, start + batchSize);
        vectors.push(...rowsOf(await extractor(batch, { pooling, normalize: true }), batch.length));
      }
      return vectors;
    },
  };
}

async function importLibrary(): Promise<unknown> {
  // A name that bundlers and the compiler do not resolve, since the package may be absent.
  const name: string = packageName;
  try {
    return await import(name);
  } catch (error) {
    const reason = `${packageName} cannot be loaded (${error instanceof Error ? error.message.split("\n")[0] : String(error)}); run npm install ${packageName}, or embed by a backbone with createHiddenStateEmbedder`;
    throw new MetricError(metric, "missing", reason);
  }
}

function rowsOf(output: unknown, count: number): readonly ArrayLike<number>[] {
  const tensor = v.safeParse(tensorSchema, output);
  if (
    !tensor.success ||
    tensor.output.dims[0] !== count ||
    tensor.output.data.length !== count * tensor.output.dims[1]
  ) {
    throw new MetricError(
      metric,
      "undefined",
      `the model gave no tensor [${count}, D]; choose one that embeds sentences`,
    );
  }
  const { data, dims } = tensor.output;
  return Array.from({ length: count }, (_, row) =>
    Float64Array.from({ length: dims[1] }, (_, at) => Number(data[row * dims[1] + at])),
  );
}
