// linearCrossEntropy and its gradient on the cpu device: blocks of rows × chunks of the vocabulary, a few MiB at a time.
// Scratch memory does not grow with N·V: one block of logits, and what gemm packs. Saved logits are written where they stay.
import { type CpuCall, type CpuView, chunkFor } from "../../backends/cpu/call.ts";
import { gemm, weightOperand } from "../matmul/gemm.ts";
import { type LogitBlock, logitBlocks, projectBlock } from "../project/cpu.ts";
import type { LinearCrossEntropyAttrs, LinearCrossEntropyGradAttrs } from "./op.ts";

/** Tokens of a chunk of the vocabulary: logits of whole chunks are saved, so that sums have one order, saved or not. */
export const tokenChunk = 2048;

// 4 MiB of logits. Rows share each packing of a chunk of weights.
const lossBlock = { rows: 512, tokens: tokenChunk };
// As many, in a square: each side of the products of the gradient is packed, and added to what is there, once a block.
const gradientBlock = { rows: 1024, tokens: tokenChunk / 2 };

function logitsScratch(
  call: CpuCall<unknown>,
  { rowCount, vocabSize }: { readonly rowCount: number; readonly vocabSize: number },
  most: { readonly rows: number; readonly tokens: number },
): number {
  return call.scratch(4 * Math.min(rowCount, most.rows) * Math.min(vocabSize, most.tokens));
}

/** Where a block of logits is: an address, and elements from row to row. */
interface Place {
  readonly pointer: number;
  readonly rowStride: number;
}

/** The block's place among saved logits [N, saved], or in scratch memory where it is not saved. */
function placeOf({ row, token, tokens }: LogitBlock, { pointer, shape }: CpuView, scratch: number): Place {
  const saved = shape[1]!;
  if (token + tokens > saved) return { pointer: scratch, rowStride: tokens };
  return { pointer: pointer + 4 * (row * saved + token), rowStride: saved };
}

/** The cpu kernel of linearCrossEntropy: softmax is online over the chunks. */
export const cpuLinearCrossEntropy: (call: CpuCall<LinearCrossEntropyAttrs>) => void = (call) => {
  const [targets, ...terms] = call.inputs as readonly [CpuView, ...CpuView[]];
  const [nats, logNormaliser, savedLogits] = call.outputs as readonly [CpuView, CpuView, CpuView];
  const extents = { rowCount: terms[0]!.shape[0]!, vocabSize: terms[1]!.shape[0]! };
  const { rowCount } = extents;
  const scratch = logitsScratch(call, extents, lossBlock);
  const statistics = call.scratch(12 * rowCount);
  for (const block of logitBlocks(extents, lossBlock)) {
    const { row, rows, token, tokens } = block;
    const logits = placeOf(block, savedLogits, scratch);
    projectBlock(call, terms, logits, block);
    const args = [
      logits.pointer,
      logits.rowStride,
      tokens,
      targets.pointer + 4 * row,
      token,
      statistics + 12 * row,
      token === 0 ? 1 : 0,
    ];
    call.parallel("foldLogits", args, rows, chunkFor(10 * tokens));
  }
  call.parallel("finishLogits", [statistics, nats.pointer, logNormaliser.pointer], rowCount, chunkFor(50));
};

/** Logits of a block of the gradient, by the rows of the loss's blocks: few last rows have sums of another order than many. */
function projectAgain(call: CpuCall<unknown>, terms: readonly CpuView[], to: number, block: LogitBlock): void {
  const { row, rows, tokens } = block;
  for (let first = 0; first < rows; first += lossBlock.rows) {
    const part = { ...block, row: row + first, rows: Math.min(lossBlock.rows, rows - first) };
    projectBlock(call, terms, { pointer: to + 4 * first * tokens, rowStride: tokens }, part);
  }
}

/** The cpu kernel of linearCrossEntropyGrad: chunk by chunk logits, saved or computed again, become their gradient in scratch. */
export const cpuLinearCrossEntropyGrad: (call: CpuCall<LinearCrossEntropyGradAttrs>) => void = (call) => {
  const [g, logNormaliser, savedLogits, targets, ...terms] = call.inputs as readonly [
    CpuView,
    CpuView,
    CpuView,
    CpuView,
    ...CpuView[],
  ];
  const extents = { rowCount: terms[0]!.shape[0]!, vocabSize: terms[1]!.shape[0]! };
  const slopes = logitsScratch(call, extents, gradientBlock);
  // Without rows nothing below writes the gradients of the weights.
  if (extents.rowCount === 0) for (const output of call.outputs) output.data.fill(0);
  for (const block of logitBlocks(extents, gradientBlock)) {
    const { row, rows, token, tokens } = block;
    const logits = placeOf(block, savedLogits, slopes);
    if (logits.pointer === slopes) projectAgain(call, terms, slopes, block);
    const args = [
      logits.pointer,
      logits.rowStride,
      slopes,
      tokens,
      targets.pointer + 4 * row,
      token,
      logNormaliser.pointer + 4 * row,
      g.pointer + 4 * row,
    ];
    call.parallel("differentiateLogits", args, rows, chunkFor(10 * tokens));
    let output = 0;
    for (const [index, term] of terms.entries()) {
      if (!call.attrs.needs[index]) continue;
      const width = term.shape[1]!;
      const gradient = call.outputs[output++]!.pointer;
      if (index % 2 === 0) {
        // dX[rows] += dz·W[tokens]
        gemm(call, {
          a: { pointer: slopes, lineStride: tokens, stepStride: 1 },
          b: weightOperand(terms[index + 1]!, false, token),
          c: gradient + 4 * row * width,
          rowStride: width,
          rows,
          columns: width,
          inner: tokens,
          accumulate: token > 0,
        });
      } else {
        // dW[tokens] += dzᵀ·X[rows]
        gemm(call, {
          a: { pointer: slopes, lineStride: 1, stepStride: tokens },
          b: { pointer: terms[index - 1]!.pointer + 4 * row * width, lineStride: 1, stepStride: width },
          c: gradient + 4 * token * width,
          rowStride: width,
          rows: tokens,
          columns: width,
          inner: rows,
          accumulate: row > 0,
        });
      }
    }
  }
};
