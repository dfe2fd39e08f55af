// The smallest llama2.c files, written field by field: for tests. Weights count up from 1, so that each has its place.

const [dim, hiddenDim, layerCount, headCount, groupCount, vocabSize, maxTokens] = [8, 12, 2, 2, 1, 7, 5];
const keySize = (dim / headCount) * groupCount;

/** Numbers of the weights by their name in Meta's files, with `*` for the layer. */
const sizes: Readonly<Record<string, number>> = {
  "tok_embeddings.weight": vocabSize * dim,
  "layers.*.attention_norm.weight": dim,
  "layers.*.attention.wq.weight": dim * dim,
  "layers.*.attention.wk.weight": keySize * dim,
  "layers.*.attention.wv.weight": keySize * dim,
  "layers.*.attention.wo.weight": dim * dim,
  "layers.*.ffn_norm.weight": dim,
  "layers.*.feed_forward.w1.weight": hiddenDim * dim,
  "layers.*.feed_forward.w2.weight": dim * hiddenDim,
  "layers.*.feed_forward.w3.weight": hiddenDim * dim,
  "norm.weight": dim,
  "output.weight": vocabSize * dim,
};

const legacyOrder = Object.keys(sizes);
const versionedOrder = [
  ...["layers.*.attention_norm.weight", "layers.*.ffn_norm.weight", "norm.weight", "tok_embeddings.weight"],
  ...legacyOrder.filter((name) => /attention\.w|feed_forward/.test(name)),
  "output.weight",
];

function concat(parts: readonly ArrayBufferView[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts.map((part) => new Uint8Array(part.buffer))));
}

function runs(order: readonly string[]): readonly (readonly [string, number])[] {
  return order.flatMap((name) =>
    Array.from({ length: name.includes("*") ? layerCount : 1 }, (_, layer): readonly [string, number] => [
      name.replace("*", `${layer}`),
      sizes[name]!,
    ]),
  );
}

/** The numbers of each tensor in the order of the file: all count up, from one to the next. */
export function expectedTensors(order: "legacy" | "versioned"): ReadonlyMap<string, Float32Array> {
  let next = 1;
  const list = runs(order === "legacy" ? legacyOrder : versionedOrder);
  return new Map(list.map(([name, size]) => [name, Float32Array.from({ length: size }, () => next++)]));
}

/** A legacy file: a head of its own, as its negative vocabulary says. */
export function legacyLlama2c(): Uint8Array<ArrayBuffer> {
  const parts: ArrayBufferView[] = [
    Int32Array.of(dim, hiddenDim, layerCount, headCount, groupCount, -vocabSize, maxTokens),
  ];
  for (const [name, values] of expectedTensors("legacy")) {
    parts.push(values);
    // Rotary frequencies, which nobody reads.
    if (name === "norm.weight") parts.push(new Float32Array(maxTokens * (dim / headCount)).fill(-1));
  }
  return concat(parts);
}

/** A file of version 1, or of version 2, whose matrices are bytes in groups of 4 with scales 1, 2, 3, … */
export function versionedLlama2c(version: 1 | 2): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(256);
  const view = new DataView(header.buffer);
  const integers = [0x616b3432, version, dim, hiddenDim, layerCount, headCount, groupCount, vocabSize, maxTokens];
  for (const [index, value] of integers.entries()) view.setInt32(4 * index, value, true);
  if (version === 2) view.setInt32(37, 4, true);
  const parts: ArrayBufferView[] = [header];
  for (const [name, values] of expectedTensors("versioned")) {
    if (version === 1 || name.endsWith("norm.weight")) parts.push(values);
    else {
      parts.push(Int8Array.from(values, (_, index) => (index % 255) - 127));
      parts.push(Float32Array.from({ length: values.length / 4 }, (_, group) => group + 1));
    }
  }
  return concat(parts);
}
