// projectTopK on the cpu device: slabs of logits in scratch memory, each folded as topK folds the whole.
import type { CpuCall } from "../../backends/cpu/call.ts";
import { logitBlocks, projectBlock } from "../project/cpu.ts";
import { BLOCK_COLUMNS, foldSlab, runningTopK, STATE_BYTES } from "../top-k/cpu.ts";
import type { TopKAttrs } from "../top-k/op.ts";

// One row takes a slab of most vocabularies, since each slab is a few handovers to other threads; many rows take the least
// columns, which gemm packs or unpacks into its own cache (docs/log.md).
const SLAB_LOGITS = 262_144;
const LEAST_COLUMNS = 8192;
const MOST_ROWS = 256;
// Rows of a slab lie this much further apart, lest those of a power of two of tokens drive each other out of the cache.
const PADDING = 16;

/** The cpu kernel of projectTopK. */
export const cpu: (call: CpuCall<TopKAttrs>) => void = (call) => {
  const rows = Math.min(call.outputs[0]!.shape[0]!, MOST_ROWS);
  const columns = Math.max(LEAST_COLUMNS, Math.floor(SLAB_LOGITS / Math.max(1, rows)));
  projectTopKInSlabs(call, { rows: MOST_ROWS, tokens: columns - (columns % BLOCK_COLUMNS) });
};

/** The same in slabs of at most so many rows and tokens, these a multiple of BLOCK_COLUMNS; their size changes no bit. */
export function projectTopKInSlabs(
  call: CpuCall<TopKAttrs>,
  most: { readonly rows: number; readonly tokens: number },
): void {
  const [rowCount, vocabSize] = [call.inputs[0]!.shape[0]!, call.inputs[1]!.shape[0]!];
  const rowStride = Math.min(most.tokens, vocabSize) + PADDING;
  const logits = { pointer: call.scratch(4 * Math.min(most.rows, rowCount) * rowStride), rowStride };
  const states = call.scratch(STATE_BYTES * rowCount);
  for (const block of logitBlocks({ rowCount, vocabSize }, most)) {
    projectBlock(call, call.inputs, logits, block);
    const { row, rows, token, tokens } = block;
    foldSlab(call, { ...logits, rows, columns: tokens, first: token }, runningTopK(call, states, row));
  }
}
