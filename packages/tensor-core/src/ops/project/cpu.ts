// project on the cpu device: one product a term, each adding to the last; also of a part of the rows and tokens, for ops
// that never hold all logits.
import type { CpuCall, CpuRunner, CpuView } from "../../backends/cpu/call.ts";
import { gemm, weightOperand } from "../matmul/gemm.ts";

/** Rows [row, row + rows) and tokens [token, token + tokens) of logits. */
export interface LogitBlock {
  readonly row: number;
  readonly rows: number;
  readonly token: number;
  readonly tokens: number;
}

/** Blocks of at most `rows` rows and `tokens` tokens, all tokens of some rows before the next rows. */
export function* logitBlocks(
  { rowCount, vocabSize }: { readonly rowCount: number; readonly vocabSize: number },
  most: { readonly rows: number; readonly tokens: number },
): Generator<LogitBlock> {
  for (let row = 0; row < rowCount; row += most.rows) {
    for (let token = 0; token < vocabSize; token += most.tokens) {
      yield {
        row,
        rows: Math.min(most.rows, rowCount - row),
        token,
        tokens: Math.min(most.tokens, vocabSize - token),
      };
    }
  }
}

/** logits[rows, tokens] = Σⱼ Xⱼ[rows]·Wⱼ[tokens]ᵀ for `terms` X₀, W₀, X₁, W₁, …, in lines of `rowStride` elements. */
export function projectBlock(
  runner: CpuRunner,
  terms: readonly CpuView[],
  logits: { readonly pointer: number; readonly rowStride: number },
  { row, rows, token, tokens }: LogitBlock,
): void {
  for (let term = 0; term < terms.length; term += 2) {
    const [features, weight] = [terms[term]!, terms[term + 1]!];
    const inner = features.shape[1]!;
    gemm(runner, {
      a: { pointer: features.pointer + 4 * row * inner, lineStride: inner, stepStride: 1 },
      b: weightOperand(weight, true, token),
      c: logits.pointer,
      rowStride: logits.rowStride,
      rows,
      columns: tokens,
      inner,
      accumulate: term > 0,
    });
  }
}

/** The cpu kernel of project. */
export const cpu: (call: CpuCall<Record<string, never>>) => void = (call) => {
  const { pointer, shape } = call.outputs[0]!;
  const [rows, tokens] = shape as [number, number];
  projectBlock(call, call.inputs, { pointer, rowStride: tokens }, { row: 0, rows, token: 0, tokens });
};
