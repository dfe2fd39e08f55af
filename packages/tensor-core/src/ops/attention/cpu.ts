// attention and its gradient on the cpu device: queries own out and dq, blocks of keys own dk and dv.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import { type AttentionAttrs, attentionExtents } from "./op.ts";

// Queries and heads of one unit, as in the kernel.
const ROWS = 64;
// Numbers of a row that a chunk reads, where it reads rows in order.
const LEAST_ELEMENTS = 128;
// Key rows of one unit of the keys' gradient, as in the kernel.
const GRADIENT_KEYS = 16;

/** The cpu kernel of attention. */
export const cpuAttention: (call: CpuCall<AttentionAttrs>) => void = (call) => {
  const { queryCount, rangeCount, keyCount, headSize, valueSize } = attentionExtents(
    "attention",
    call.inputs,
    call.attrs,
  );
  const { headCount, groupCount, scale } = call.attrs;
  const pointers = [...call.inputs, ...call.outputs].map(({ pointer }) => pointer);
  const share = headCount / groupCount;
  const blockQueries = Math.max(1, Math.floor(ROWS / share));
  // Ranges are known to the kernel only; a quarter of the keys is a guess of their mean length.
  const work = (Math.min(blockQueries, queryCount) * share * (headSize + valueSize) * keyCount) / 4;
  // Fewer rows than a tile read keys row by row: the heads of a chunk are to be more than a line of cache.
  const neighbours = queryCount * share < 4 ? Math.ceil(LEAST_ELEMENTS / headSize) : 1;
  call.parallel(
    "attentionRows",
    [...pointers, queryCount, blockQueries, rangeCount, headCount, groupCount, headSize, valueSize, scale],
    Math.ceil(queryCount / blockQueries) * groupCount,
    Math.max(neighbours, chunkFor(work)),
  );
};

/** The cpu kernel of attentionGrad. */
export const cpuAttentionGrad: (call: CpuCall<AttentionAttrs>) => void = (call) => {
  const { queryCount, rangeCount, keyCount, headSize, valueSize } = attentionExtents(
    "attentionGrad",
    call.inputs,
    call.attrs,
  );
  const { headCount, groupCount, scale } = call.attrs;
  const [q, k, v, ranges, out, logNormaliser, g] = call.inputs.map(({ pointer }) => pointer) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [dq, dk, dv] = call.outputs.map(({ pointer }) => pointer) as [number, number, number];
  const deltas = call.scratch(4 * queryCount * headCount);
  const extents = [rangeCount, headCount, groupCount, headSize, valueSize, scale];
  const work = headSize + valueSize;
  call.parallel(
    "attentionGradQueries",
    [q, k, v, ranges, out, logNormaliser, g, dq, deltas, ...extents],
    queryCount * headCount,
    chunkFor((work * keyCount) / 2),
  );
  call.parallel(
    "attentionGradKeys",
    [q, k, v, ranges, logNormaliser, g, deltas, dk, dv, queryCount, keyCount, ...extents],
    Math.ceil(keyCount / GRADIENT_KEYS) * groupCount,
    chunkFor(work * GRADIENT_KEYS * queryCount),
  );
};
