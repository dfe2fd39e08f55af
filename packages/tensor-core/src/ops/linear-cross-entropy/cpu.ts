// linearCrossEntropy and its gradient on the cpu device: blocks of rows × chunks of the vocabulary, a few MiB at a time.
// Scratch memory does not grow with N·V: one block of logits, and what gemm packs.
import { type CpuCall, type CpuView, chunkFor } from "../../backends/cpu/call.ts";
import { gemm, weightOperand } from "../matmul/gemm.ts";
import { logitBlocks, projectBlock } from "../project/cpu.ts";
import type { LinearCrossEntropyGradAttrs } from "./op.ts";

// 512 rows share each packing of a chunk of weights; 2048 tokens make 4 MiB of logits.
const ROW_BLOCK = 512;
const TOKEN_CHUNK = 2048;

const most = { rows: ROW_BLOCK, tokens: TOKEN_CHUNK };

function logitsScratch(call: CpuCall<unknown>, rowCount: number, vocabSize: number): number {
  return call.scratch(4 * Math.min(rowCount, ROW_BLOCK) * Math.min(vocabSize, TOKEN_CHUNK));
}

/** The cpu kernel of linearCrossEntropy: softmax is online over the chunks. */
export const cpuLinearCrossEntropy: (call: CpuCall<Record<string, never>>) => void = (call) => {
  const [targets, ...terms] = call.inputs as readonly [CpuView, ...CpuView[]];
  const [rowCount, vocabSize] = [terms[0]!.shape[0]!, terms[1]!.shape[0]!];
  const logits = logitsScratch(call, rowCount, vocabSize);
  const statistics = call.scratch(12 * rowCount);
  for (const block of logitBlocks({ rowCount, vocabSize }, most)) {
    projectBlock(call, terms, { pointer: logits, rowStride: block.tokens }, block);
    const args = [
      logits,
      block.tokens,
      targets.pointer + 4 * block.row,
      block.token,
      statistics + 12 * block.row,
      block.token === 0 ? 1 : 0,
    ];
    call.parallel("foldLogits", args, block.rows, chunkFor(10 * block.tokens));
  }
  call.parallel(
    "finishLogits",
    [statistics, call.outputs[0]!.pointer, call.outputs[1]!.pointer],
    rowCount,
    chunkFor(50),
  );
};

/** The cpu kernel of linearCrossEntropyGrad: logits are computed again chunk by chunk and turned into their gradient. */
export const cpuLinearCrossEntropyGrad: (call: CpuCall<LinearCrossEntropyGradAttrs>) => void = (call) => {
  const [g, logNormaliser, targets, ...terms] = call.inputs as readonly [CpuView, CpuView, CpuView, ...CpuView[]];
  const [rowCount, vocabSize] = [terms[0]!.shape[0]!, terms[1]!.shape[0]!];
  const logits = logitsScratch(call, rowCount, vocabSize);
  // Without rows nothing below writes the gradients of the weights.
  if (rowCount === 0) for (const output of call.outputs) output.data.fill(0);
  for (const block of logitBlocks({ rowCount, vocabSize }, most)) {
    const { row, rows, token, tokens } = block;
    projectBlock(call, terms, { pointer: logits, rowStride: block.tokens }, block);
    const args = [
      logits,
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
          a: { pointer: logits, lineStride: tokens, stepStride: 1 },
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
          a: { pointer: logits, lineStride: 1, stepStride: tokens },
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
