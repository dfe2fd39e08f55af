// projectTopK on the cpu device: slabs of logits in scratch memory, each folded as topK folds the whole.
import type { CpuCall } from "../../backends/cpu/call.ts";
import { logitBlocks, projectBlock } from "../project/cpu.ts";
import { BLOCK_COLUMNS, foldSlab, runningTopK, STATE_BYTES } from "../top-k/cpu.ts";
import type { TopKAttrs } from "../top-k/op.ts";

// Logits of a slab, 4 MiB: one row of most vocabularies, several of many. More rows than this share no more of the weights
// that are packed or unpacked for a slab.
const SLAB_LOGITS = 1 << 20;
const MOST_ROWS = 512;
// Rows of a slab lie this much further apart, lest those of a power of two of tokens drive each other out of the cache.
const PADDING = 16;

/** The cpu kernel of projectTopK. */
export const cpu: (call: CpuCall<TopKAttrs>) => void = (call) => {
  const rows = Math.max(1, Math.min(call.outputs[0]!.shape[0]!, MOST_ROWS));
  const blocks = Math.floor(SLAB_LOGITS / rows / BLOCK_COLUMNS);
  projectTopKInSlabs(call, { rows, tokens: BLOCK_COLUMNS * blocks });
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
