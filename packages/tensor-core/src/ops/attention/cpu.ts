// attention and its gradient on the cpu device: queries own out and dq, blocks of keys own dk and dv.
import { type CpuCall, type CpuView, chunkFor } from "../../backends/cpu/call.ts";
import { type AttentionAttrs, attentionExtents } from "./op.ts";

// Queries and heads of one unit, as in the kernel.
const ROWS = 64;
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
  const blockQueries = shareKeys(call.inputs[3]!) ? Math.max(1, Math.floor(ROWS / share)) : 1;
  // A quarter of the keys is a guess of the mean length of what a query sees.
  const work = (Math.min(blockQueries, queryCount) * share * (headSize + valueSize) * keyCount) / 4;
  // Parts of rows come no faster from memory than whole ones: queries that are alone are not divided, but for a single one.
  const neighbours = blockQueries === 1 && queryCount > 1 ? groupCount : 1;
  call.parallel(
    "attentionRows",
    [...pointers, queryCount, blockQueries, rangeCount, headCount, groupCount, headSize, valueSize, scale],
    Math.ceil(queryCount / blockQueries) * groupCount,
    Math.max(neighbours, chunkFor(work)),
  );
};

/** Whether most queries seem to go on with the keys of the one before: decides who computes what, and no bit. */
function shareKeys({ glance: data, shape }: CpuView): boolean {
  const [queryCount, width] = shape as [number, number];
  let alike = 0;
  for (let row = width; row < data.length; row += width) {
    let at = row;
    while (at < row + width && data[at] === data[at - width] && data[at + 1] === data[at + 1 - width]) at += 2;
    if (at === row + width || data[at] === data[at - width]) alike++;
  }
  return 2 * alike >= queryCount - 1 && queryCount > 1;
}

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
