// Mistakes in byte sources, file formats and loading. A table: nothing here runs.
import type { Mutation } from "../mutation.ts";

const http = { file: "packages/bytes/src/http-source.ts", test: "packages/bytes/src/http-source.test.ts" };
const gguf = "packages/checkpoint/src/gguf";
const ggufTest = `${gguf}/read.test.ts`;
const llama = "packages/backbone-llama/src";
const architecturesTest = `${llama}/load-gguf.test.ts`;

/** Byte sources, formats and loading. */
export const formatMutations: readonly Mutation[] = [
  {
    id: "http-after-a-drop",
    what: "What comes after a drop is put where the range began",
    ...http,
    find: "bytes.subarray(done, last + 1 - offset)",
    replace: "bytes.subarray(0, last + 1 - first)",
    property: "openHttp() > goes on where a connection drops, whatever was sent before (seed 61)",
  },
  {
    id: "http-other-version",
    what: "Two versions of a file on a server are mixed",
    ...http,
    find: "(whole.etag !== null && etag !== null && etag !== whole.etag)",
    replace: "(whole.etag === null && etag !== null && etag !== whole.etag)",
    property: "openHttp() > refuses a file that changes, and more bytes than announced",
  },
  {
    id: "gguf-overlap",
    what: "Tensors of a GGUF file may lie in one place",
    file: `${gguf}/header.ts`,
    test: ggufTest,
    find: "if (begin < last) {",
    replace: "if (begin < start) {",
    property: "a GGUF header > with tensors in one place: overlap",
  },
  {
    id: "gguf-key-twice",
    what: "A key of GGUF's metadata may be used twice, and the last counts",
    file: `${gguf}/header.ts`,
    test: ggufTest,
    find: "if (metadata.has(key)) fields",
    replace: "if (metadata.has(key) && index < 0) fields",
    property: "a GGUF header > with a key used twice: duplicate-key",
  },
  {
    id: "gguf-axes-as-stored",
    what: "Axes of a GGUF tensor are taken in the file's order",
    file: `${gguf}/header.ts`,
    test: ggufTest,
    find: "shape.unshift(fields.u64(",
    replace: "shape.push(fields.u64(",
    property: "a GGUF header > places tensors by its own alignment, in any order, with gaps",
  },
  {
    id: "q6k-planes",
    what: "High bits of Q6_K are taken by the order of the low ones",
    file: `${gguf}/blocks-of-256.ts`,
    test: `${gguf}/types.test.ts`,
    find: ">> (2 * quarter)) & 3) << 4);",
    replace: ">> (2 * (quarter >> 1))) & 3) << 4);",
    property: "blocks of Q6_K > decode to the definition's numbers, rounded once (seed 23)",
  },
  {
    id: "llama2c-order",
    what: "Matrices of llama2.c's version 1 are taken to lie as in the legacy file",
    file: "packages/checkpoint/src/llama2c/header.ts",
    test: "packages/checkpoint/src/llama2c/read.test.ts",
    find: "[attentionNorm, feedForwardNorm, finalNorm, embedding, ...attention, ...feedForward, ...output]",
    replace: "[embedding, attentionNorm, ...attention, feedForwardNorm, ...feedForward, finalNorm, ...output]",
    property: "openLlama2c() > finds every tensor of legacy files and version 1",
  },
  {
    id: "rows-left-paired",
    what: "Queries and keys of GGUF keep their rows in pairs",
    file: `${llama}/renamed-checkpoint.ts`,
    test: architecturesTest,
    find: "const to = (row % 2) * pairCount + (row >> 1);",
    replace: "const to = row % headSize;",
    property: "loadLlama() of GGUF > finds every weight of architecture llama",
  },
  {
    id: "rows-paired-everywhere",
    what: "Rows of Qwen2 are taken to lie in pairs too",
    file: `${llama}/gguf-architectures.ts`,
    test: architecturesTest,
    find: 'qwen2: { modelType: "qwen2", paired: false,',
    replace: 'qwen2: { modelType: "qwen2", paired: true,',
    property: "loadLlama() of GGUF > finds every weight of architecture qwen2",
  },
  {
    id: "gguf-key-ignored",
    what: "Metadata of a GGUF file that are not known are passed over",
    file: `${llama}/gguf-model.ts`,
    test: architecturesTest,
    find: 'metadata.refuse(key, "left out, for it is not supported; use another checkpoint");',
    replace: "metadata.get(key);",
    property: "loadLlama() of GGUF > names the key it cannot run, and the tensor it does not know",
  },
  {
    id: "gguf-metadata-of-any-part",
    what: "Metadata of a GGUF model in parts are those of the part that was named",
    file: `${gguf}/open.ts`,
    test: `${gguf}/parts.test.ts`,
    find: "fields: parts[0]!.header.metadata,",
    replace: "fields: header.metadata,",
    property: "openCheckpoint() of a GGUF model in parts > gives what the whole file gives, whichever part is named",
  },
  {
    id: "gguf-parts-unnumbered",
    what: "Parts of a GGUF model are taken by their names alone",
    file: `${gguf}/open.ts`,
    test: `${gguf}/parts.test.ts`,
    find: "if (number !== index || own !== count) {",
    replace: "if (own !== count) {",
    property: "openCheckpoint() of a GGUF model in parts > says so where a part is another's",
  },
];
