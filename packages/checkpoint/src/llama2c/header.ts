// The header of a llama2.c model: the legacy file without one of its own (seven integers, then weights), version 1 and
// version 2 with bytes in groups. Gives tensors Meta's names and their places; knows nothing of what they compute.
import { Llama2cError, type Llama2cRule } from "../errors.ts";

/** What a file says of its model; lengths and counts of llama2.c. */
export interface Llama2cHeader {
  /** 0 for the legacy file. */
  readonly version: 0 | 1 | 2;
  readonly dim: number;
  readonly hiddenDim: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly groupCount: number;
  readonly vocabSize: number;
  readonly maxTokens: number;
  /** Whether the embedding is the head as well. */
  readonly sharedClassifier: boolean;
  /** Numbers that share a scale in version 2, else null. */
  readonly groupSize: number | null;
}

/** A tensor and its place; `Q8` holds its bytes, then an f32 scale for each group of them. */
export interface Llama2cEntry {
  readonly dtype: "F32" | "Q8";
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** "ak42", read little-endian. */
export const llama2cMagic = 0x616b3432;
/** Bytes of the headers, and of the longest of them. */
const legacyHeaderSize = 28;
export const llama2cHeaderSize = 256;

/**
 * Parses the header and checks that the weights it announces are exactly the rest of the file.
 *
 * @param bytes the file's first 256 bytes, or all where it is shorter
 * @throws Llama2cError that names the broken rule
 */
export function parseLlama2cHeader(bytes: Uint8Array<ArrayBuffer>, fileSize: number, path: string): Llama2cHeader {
  const refuse = (rule: Llama2cRule, reason: string, byte: number | null = null): never => {
    throw new Llama2cError(path, rule, reason, byte);
  };
  if (bytes.length < legacyHeaderSize) refuse("size", `it has ${fileSize} bytes, fewer than a header of 28`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const legacy = view.getUint32(0, true) !== llama2cMagic;
  const version = legacy ? 0 : view.getInt32(4, true);
  if (version !== 0 && version !== 1 && version !== 2) refuse("version", `its version is ${version}, not 1 or 2`, 4);
  if (!legacy && version === 0) refuse("version", "its version is 0, not 1 or 2", 4);
  if (!legacy && bytes.length < llama2cHeaderSize)
    refuse("size", `it has ${fileSize} bytes, fewer than a header of 256`);
  const start = legacy ? 0 : 8;
  const labels = ["dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "max_seq_len"];
  const integers = labels.map((label, index) => {
    const at = start + 4 * index;
    const value = view.getInt32(at, true);
    // The legacy file says by its vocabulary's sign whether the head is its own.
    const size = legacy && label === "vocab_size" ? Math.abs(value) : value;
    if (size <= 0) refuse("header", `${label} is ${value}, but must be positive`, at);
    return size;
  }) as [number, number, number, number, number, number, number];
  const [dim, hiddenDim, layerCount, headCount, groupCount, vocabSize, maxTokens] = integers;
  if (dim % headCount !== 0 || (dim / headCount) % 2 !== 0) {
    refuse("header", `dim ${dim} is not divided into heads of even size by n_heads ${headCount}`, start + 12);
  }
  if (headCount % groupCount !== 0) {
    refuse("header", `n_heads ${headCount} is no multiple of n_kv_heads ${groupCount}`, start + 16);
  }
  const shared = legacy ? view.getInt32(20, true) > 0 : view.getUint8(36) !== 0;
  const header = { version, dim, hiddenDim, layerCount, headCount, groupCount, vocabSize, maxTokens } as const;
  const groupSize = version === 2 ? view.getInt32(37, true) : null;
  if (groupSize !== null && groupSize <= 0)
    refuse("header", `the group size is ${groupSize}, but must be positive`, 37);
  const whole: Llama2cHeader = { ...header, version: version as 0 | 1 | 2, sharedClassifier: shared, groupSize };
  const uncut = runsOf(whole).find((run) => run.matrix && countOf(run) % (groupSize ?? 1) !== 0);
  if (uncut !== undefined) refuse("header", `${uncut.name} is no whole number of groups of ${groupSize}`, 37);
  const size = sizeOf(whole);
  if (size !== fileSize) {
    refuse("size", `its header announces ${size} bytes, but the file has ${fileSize}`);
  }
  return whole;
}

/** A run of tensors of one shape, one a layer or one in all. */
interface Run {
  /** Name, with `*` for the layer. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether version 2 holds it in bytes. */
  readonly matrix: boolean;
}

/** What lies in a file, in order. */
function runsOf(header: Llama2cHeader): readonly Run[] {
  const { version, dim, hiddenDim, headCount, groupCount, vocabSize, sharedClassifier } = header;
  const keySize = (dim / headCount) * groupCount;
  const matrix = (name: string, ...shape: readonly number[]): Run => ({ name, shape, matrix: true });
  const vector = (name: string): Run => ({ name, shape: [dim], matrix: false });
  const embedding = matrix("tok_embeddings.weight", vocabSize, dim);
  const attentionNorm = vector("layers.*.attention_norm.weight");
  const feedForwardNorm = vector("layers.*.ffn_norm.weight");
  const attention = [
    matrix("layers.*.attention.wq.weight", dim, dim),
    matrix("layers.*.attention.wk.weight", keySize, dim),
    matrix("layers.*.attention.wv.weight", keySize, dim),
    matrix("layers.*.attention.wo.weight", dim, dim),
  ];
  const feedForward = [
    matrix("layers.*.feed_forward.w1.weight", hiddenDim, dim),
    matrix("layers.*.feed_forward.w2.weight", dim, hiddenDim),
    matrix("layers.*.feed_forward.w3.weight", hiddenDim, dim),
  ];
  const finalNorm = vector("norm.weight");
  const output = sharedClassifier ? [] : [matrix("output.weight", vocabSize, dim)];
  return version === 0
    ? [embedding, attentionNorm, ...attention, feedForwardNorm, ...feedForward, finalNorm, ...output]
    : [attentionNorm, feedForwardNorm, finalNorm, embedding, ...attention, ...feedForward, ...output];
}

function countOf({ shape }: Run): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

function bytesOf(run: Run, groupSize: number | null): number {
  const count = countOf(run);
  return run.matrix && groupSize !== null ? count + 4 * (count / groupSize) : 4 * count;
}

/** Bytes of rotary frequencies that the legacy file carries behind the final norm, and nobody reads. */
function frequencyBytesOf({ version, dim, headCount, maxTokens }: Llama2cHeader): number {
  return version === 0 ? 4 * maxTokens * (dim / headCount) : 0;
}

function sizeOf(header: Llama2cHeader): number {
  const layersOf = (name: string) => (name.includes("*") ? header.layerCount : 1);
  const weights = runsOf(header).reduce((sum, run) => sum + layersOf(run.name) * bytesOf(run, header.groupSize), 0);
  return (header.version === 0 ? legacyHeaderSize : llama2cHeaderSize) + weights + frequencyBytesOf(header);
}

/** Every tensor of a file whose header was checked. */
export function placeLlama2cTensors(header: Llama2cHeader): ReadonlyMap<string, Llama2cEntry> {
  const tensors = new Map<string, Llama2cEntry>();
  let begin = header.version === 0 ? legacyHeaderSize : llama2cHeaderSize;
  for (const run of runsOf(header)) {
    const size = bytesOf(run, header.groupSize);
    const dtype = run.matrix && header.groupSize !== null ? "Q8" : "F32";
    for (let layer = 0; layer < (run.name.includes("*") ? header.layerCount : 1); layer++) {
      tensors.set(run.name.replace("*", `${layer}`), { dtype, shape: run.shape, begin, end: begin + size });
      begin += size;
    }
    if (run.name === "norm.weight") begin += frequencyBytesOf(header);
  }
  return tensors;
}
