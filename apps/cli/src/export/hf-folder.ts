// A model written as an ordinary Hugging Face folder, a tensor at a time. Knows no head but the one it is given.
import { createDirectory, f32ToBf16, f32ToF16, writeFileAtomic } from "@dual-head/bytes";
import { type DeferredTensor, type StoredDtype, writeShards } from "@dual-head/checkpoint";
import {
  type ExportedTensor,
  exportedTensors,
  filesBeside,
  lmHeadName,
  type ReplacedHead,
  type SourceModel,
} from "./source-model.ts";

/** Dtypes of an exported folder; "stored" keeps each tensor's own, to the last bit. */
export type FolderDtype = "stored" | "f32" | "f16" | "bf16";

const storedNames = { f32: "F32", f16: "F16", bf16: "BF16" } as const;
const torchNames: Readonly<Record<string, string>> = { F32: "float32", F16: "float16", BF16: "bfloat16" };

/**
 * Writes config.json, tokenizer files and the weights, in shards where they are large, into a folder, which is created.
 *
 * @param head a head of its own, which unties the model; null keeps the model's
 * @param onTensor told of each tensor before it is written
 * @throws FileError where the folder is not writable
 */
export async function writeHfFolder(
  folder: string,
  model: SourceModel,
  head: ReplacedHead | null,
  dtype: FolderDtype,
  onTensor: (index: number, count: number) => void,
): Promise<void> {
  await createDirectory(folder);
  // A folded head has the dtype of the matrix it came from; blocks of integers become the floats they stand for.
  const headDtype = floatDtypeOf(model.checkpoint.spec(model.embeddingName).dtype);
  const dtypeOf = ({ name, spec, raw }: ExportedTensor): StoredDtype => {
    if (dtype !== "stored") return storedNames[dtype];
    if (raw !== null) return spec.dtype as StoredDtype;
    return name === lmHeadName && head !== null ? headDtype : floatDtypeOf(spec.dtype);
  };
  const tensors = exportedTensors(model, head);
  const deferred = tensors.map((tensor, index): [string, DeferredTensor] => {
    const target = dtypeOf(tensor);
    const data = async () => {
      onTensor(index, tensors.length);
      if (tensor.raw !== null && target === tensor.spec.dtype) return tensor.raw();
      return encode(await tensor.floats(), target);
    };
    return [tensor.name, { dtype: target, shape: tensor.spec.shape, data }];
  });
  for (const [name, bytes] of model.isFolder ? await filesBeside(model.path) : [])
    await writeFileAtomic(`${folder}/${name}`, bytes);
  const torchDtype = torchNames[dtype === "stored" ? headDtype : storedNames[dtype]];
  const config = {
    ...model.configJson,
    ...(head === null ? {} : { tie_word_embeddings: false }),
    ...(torchDtype === undefined ? {} : { torch_dtype: torchDtype }),
    ...(torchDtype === undefined || model.configJson.dtype === undefined ? {} : { dtype: torchDtype }),
  };
  await writeFileAtomic(`${folder}/config.json`, `${JSON.stringify(config, null, 2)}\n`);
  await writeShards(folder, Object.fromEntries(deferred), { metadata: { format: "pt" } });
}

function floatDtypeOf(dtype: string): StoredDtype {
  return dtype === "F64" || dtype === "F16" || dtype === "BF16" ? dtype : "F32";
}

function encode(values: Float32Array, dtype: StoredDtype): Float32Array | Float64Array | Uint16Array {
  if (dtype === "F16") return f32ToF16(values);
  if (dtype === "BF16") return f32ToBf16(values);
  return dtype === "F64" ? Float64Array.from(values) : values;
}
