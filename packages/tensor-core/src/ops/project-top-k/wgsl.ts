// projectTopK on webgpu: logits of a block of rows in one scratch buffer, then their largest; the next block of rows.
import { matmulPasses } from "../../backends/webgpu/kernels/matmul.ts";
import {
  input,
  output,
  scratch,
  type WgslCall,
  type WgslLimits,
  type WgslPass,
  type WgslProgram,
} from "../../backends/webgpu/program.ts";
import { alignedRows, type RowRange, rowsOf } from "../../backends/webgpu/ranges.ts";
import type { TensorSpec } from "../../spec.ts";
import type { TopKAttrs } from "../top-k/op.ts";
import { topKPasses } from "../top-k/wgsl.ts";

/** Logits of a block of rows: 16 MiB keep the tiles of a product busy. */
const blockLogits = 4 << 20;

export function wgsl({ inputs, attrs: { count }, limits }: WgslCall<TopKAttrs>): WgslProgram {
  const [rowCount, vocabSize] = [inputs[0]!.shape[0]!, inputs[1]!.shape[0]!];
  // After so many rows of 4-byte elements every offset is aligned.
  const step = alignedRows(4, limits);
  const most = Math.max(step, Math.floor(blockLogits / vocabSize / step) * step);
  const passes: WgslPass[] = [];
  for (let start = 0; start < rowCount; start += most) {
    const block = { start, count: Math.min(most, rowCount - start) };
    const results = {
      values: rowsOf(output(0), 4 * count, block),
      ids: rowsOf(output(1), 4 * count, block),
      totals: rowsOf(output(2), 4, block),
    };
    passes.push(
      ...logitPasses(inputs, block, limits),
      ...topKPasses(
        { op: "projectTopK", logits: scratch(0), ...results, rowCount: block.count, width: vocabSize, count },
        limits,
      ),
    );
  }
  return { passes, scratch: [4 * Math.min(most, rowCount) * vocabSize] };
}

/** The logits of a block of rows into scratch 0. */
function logitPasses(inputs: readonly TensorSpec[], block: RowRange, limits: WgslLimits): WgslPass[] {
  const terms = Array.from({ length: inputs.length / 2 }, (_, term) => term);
  return terms.flatMap((term) => {
    const columnCount = inputs[2 * term]!.shape[1]!;
    const features = rowsOf(input(2 * term), 4 * columnCount, block);
    const a = { binding: features, rowCount: block.count, columnCount, transposed: false };
    const b = { binding: input(2 * term + 1), rowCount: inputs[1]!.shape[0]!, columnCount, transposed: true };
    return matmulPasses({ op: "projectTopK", a, b, c: scratch(0), accumulate: term > 0 }, limits);
  });
}
