// A model written as one GGUF file, as llama.cpp reads it: names, order of rows and metadata of its architecture.
// Where llama.cpp would compute something else, the export is refused. Knows no tokenizer beyond its fields.
import { type LlamaConfig, ropeDivisors } from "@dual-head/backbone-llama";
import { type GgufDtype, type GgufTensor, type GgufValue, ggufEncodings, writeGguf } from "@dual-head/checkpoint";
import { UsageError } from "../io.ts";
import { type ExportedTensor, exportedTensors, type ReplacedHead, type SourceModel } from "./source-model.ts";

/** Encodings of an exported file; "stored" keeps floats as they are. */
export type GgufExportDtype = "stored" | "f32" | "f16" | "bf16" | "q8_0" | "q4_0";

const encodingNames = { f32: "F32", f16: "F16", bf16: "BF16", q8_0: "Q8_0", q4_0: "Q4_0" } as const;

/** What an architecture is called in GGUF, and whether its rotary embeddings turn neighbouring rows. */
const architectures: Partial<
  Record<LlamaConfig["architecture"], { readonly name: string; readonly neighbours: boolean }>
> = {
  llama: { name: "llama", neighbours: true },
  mistral: { name: "llama", neighbours: true },
  qwen2: { name: "qwen2", neighbours: false },
};

const blockNames: Readonly<Record<string, string>> = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

const outerNames: Readonly<Record<string, string>> = {
  "model.embed_tokens.weight": "token_embd.weight",
  "model.norm.weight": "output_norm.weight",
  "lm_head.weight": "output.weight",
};

/** What was written, beside the file. */
export interface GgufReport {
  /** Tensors whose rows are no multiple of the block, which were written as F16 instead. */
  readonly widened: readonly string[];
  /** The model's positions in the file; fewer than the model's where a window would be lost beyond. */
  readonly contextLength: number;
}

/**
 * Writes a model as GGUF, whole or not at all.
 *
 * @param vocabulary the fields `tokenizer.*`
 * @throws UsageError where the format or llama.cpp has no place for what the model computes
 */
export async function writeGgufFile(
  path: string,
  model: SourceModel,
  head: ReplacedHead | null,
  dtype: GgufExportDtype,
  vocabulary: Readonly<Record<string, GgufValue>>,
  onTensor: (index: number, count: number) => void,
): Promise<GgufReport> {
  const { llama: config } = model;
  const architecture = config === null ? undefined : architectures[config.architecture];
  if (config === null || architecture === undefined) {
    const known = Object.keys(architectures).join(", ");
    throw new UsageError(
      `Cannot export ${model.path} as GGUF: architecture ${config?.architecture ?? "gpt2"} is not written, only ${known}; export a folder without --gguf`,
    );
  }
  // llama.cpp sees all keys, which is the same as a window for as long as no text is longer.
  const contextLength = Math.min(config.maxTokens, config.window ?? config.maxTokens);
  const factors = ropeFactors(model.path, config);
  const tensors = exportedTensors(model, head);
  const widened: string[] = [];
  const written: GgufTensor[] = tensors.map((tensor, index) => {
    const { name, spec } = tensor;
    const chosen = encodingOf(tensor, dtype);
    const { blockSize } = ggufEncodings[chosen];
    const fits = spec.shape.at(-1)! % blockSize === 0;
    if (!fits) widened.push(name);
    return {
      name: ggufName(model.path, name),
      shape: spec.shape,
      dtype: fits ? chosen : "F16",
      async values() {
        onTensor(index, tensors.length);
        const values = await tensor.floats();
        const turned = architecture.neighbours && /self_attn\.[qk]_proj/.test(name);
        return turned ? interleaveHeads(values, config.headSize, spec.shape[1] ?? 1) : values;
      },
    };
  });
  if (factors !== null) {
    written.push({ name: "rope_freqs.weight", shape: [factors.length], dtype: "F32", values: () => factors });
  }
  const fields = { ...modelFields(architecture.name, model.path, config, contextLength), ...vocabulary };
  await writeGguf(path, fields, written);
  return { widened, contextLength };
}

/** Norms and biases stay f32, as llama.cpp wants them. */
function encodingOf({ spec }: ExportedTensor, dtype: GgufExportDtype): GgufDtype {
  if (spec.shape.length < 2) return "F32";
  if (dtype !== "stored") return encodingNames[dtype];
  return spec.dtype === "F16" || spec.dtype === "BF16" ? spec.dtype : "F32";
}

function ggufName(path: string, name: string): string {
  const outer = outerNames[name];
  if (outer !== undefined) return outer;
  const match = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name);
  const block = match === null ? undefined : blockNames[match[2]!];
  if (block !== undefined) return `blk.${match![1]}.${block}.${match![3]}`;
  throw new UsageError(
    `Cannot export ${path} as GGUF: tensor ${JSON.stringify(name)} has no name there; export a folder without --gguf`,
  );
}

/** GGUF turns neighbouring rows of a head, Hugging Face rows half a head apart: they change places. */
export function interleaveHeads(values: Float32Array, headSize: number, columns: number): Float32Array {
  const half = headSize / 2;
  const result = new Float32Array(values.length);
  for (let row = 0; row < values.length / columns; row++) {
    const [head, inHead] = [Math.floor(row / headSize), row % headSize];
    const to = head * headSize + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
    result.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return result;
}

function modelFields(
  name: string,
  path: string,
  config: LlamaConfig,
  contextLength: number,
): Readonly<Record<string, GgufValue>> {
  const { ropeScaling } = config;
  return {
    "general.architecture": { string: name },
    "general.name": { string: path.split(/[/\\]/).filter(Boolean).at(-1) ?? name },
    [`${name}.context_length`]: { u32: contextLength },
    [`${name}.embedding_length`]: { u32: config.hiddenSize },
    [`${name}.block_count`]: { u32: config.layerCount },
    [`${name}.feed_forward_length`]: { u32: config.feedForwardSize },
    [`${name}.attention.head_count`]: { u32: config.headCount },
    [`${name}.attention.head_count_kv`]: { u32: config.groupCount },
    [`${name}.attention.key_length`]: { u32: config.headSize },
    [`${name}.attention.value_length`]: { u32: config.headSize },
    [`${name}.attention.layer_norm_rms_epsilon`]: { f32: config.normEpsilon },
    [`${name}.rope.dimension_count`]: { u32: config.headSize },
    [`${name}.rope.freq_base`]: { f32: config.ropeTheta },
    ...(ropeScaling?.type === "linear"
      ? {
          [`${name}.rope.scaling.type`]: { string: "linear" },
          [`${name}.rope.scaling.factor`]: { f32: ropeScaling.factor },
        }
      : {}),
    [`${name}.vocab_size`]: { u32: config.vocabSize },
  };
}

/** Divisors of the frequencies, one a pair, for rules that are the same at every length; null for fields and no rule. */
function ropeFactors(path: string, config: LlamaConfig): Float32Array | null {
  const { ropeScaling: scaling } = config;
  if (scaling === null || scaling.type === "linear") return null;
  const isFixed =
    scaling.type === "llama3" ||
    (scaling.type === "longrope" &&
      scaling.attentionFactor === 1 &&
      scaling.longFactors.every((factor, pair) => factor === scaling.shortFactors[pair]));
  if (!isFixed) {
    throw new UsageError(
      `Cannot export ${path} as GGUF: rope scaling ${scaling.type} is not written exactly, only linear, llama3, and longrope of the same factors at every length; export a folder without --gguf`,
    );
  }
  return Float32Array.from(ropeDivisors(config));
}
