// The gate's equations as printed, without folding: the yardstick of attention-gate.ts and of anyone's own gate.
import {
  add,
  attention,
  causalRanges,
  gatherRows,
  matmul,
  reshape,
  type Segments,
  type Tensor,
} from "@dual-head/tensor-core";
import type { AttentionGateParams } from "./attention-gate.ts";

/**
 * MultiHeadAttention(h_t, H_1:t, H_1:t) = Concat(head_1, …, head_h)·W^O with head_i = Attention(QW_i^Q, KW_i^K, VW_i^V),
 * for the rows `rows` of the segments, [rows, D].
 *
 * The W_i are the row blocks of `query`, `key` and `value`, each [d_k, D] with d_k = r/h.
 *
 * @equation E6, E7
 */
export function multiHeadAttention(
  params: Pick<AttentionGateParams, "query" | "key" | "value" | "output">,
  headCount: number,
  hidden: Tensor,
  segments: Segments,
  rows?: Uint32Array,
): Tensor {
  const { device } = hidden;
  const headSize = params.query.shape[0]! / headCount;
  return device.scope(() => {
    const queried = rows === undefined ? hidden : gatherRows(hidden, device.tensor(rows, [rows.length]));
    const ranges = causalRanges(segments, undefined, rows);
    const heads = attention(
      matmul(queried, params.query, { transposeB: true }),
      matmul(hidden, params.key, { transposeB: true }),
      matmul(hidden, params.value, { transposeB: true }),
      device.tensor(ranges, [ranges.length / 2, 2]),
      { headCount, groupCount: headCount, scale: 1 / Math.sqrt(headSize) },
    );
    return matmul(heads, params.output, { transposeB: true });
  });
}

/**
 * u_t = W_g·MultiHeadAttention(h_t, H_1:t, H_1:t) + b_g of the rows `rows`, as printed (E5) and without folding, [rows].
 */
export function printedGateLogits(
  params: AttentionGateParams,
  headCount: number,
  hidden: Tensor,
  segments: Segments,
  rows?: Uint32Array,
): Tensor {
  return hidden.device.scope(() => {
    const attended = multiHeadAttention(params, headCount, hidden, segments, rows);
    const logits = add(matmul(attended, params.weight, { transposeB: true }), params.bias);
    return reshape(logits, [attended.shape[0]!]);
  });
}
