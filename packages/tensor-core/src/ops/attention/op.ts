// Attention of each query over contiguous ranges of key rows: causal segments, sliding windows, caches and their pages
// alike. Knows none of them: whoever makes the ranges decides what is visible.
import { apply } from "../../dispatch.ts";
import { ShapeError } from "../../errors.ts";
import type { TensorSpec } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkIndices, checkInputCount, checkSameShape, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpuAttention, cpuAttentionGrad } from "./cpu.ts";
import { wgslAttention, wgslAttentionGrad } from "./wgsl.ts";

/** Attributes of `attention`: H query heads share G key/value heads (H a multiple of G); scores are scaled by `scale`. */
export interface AttentionAttrs {
  readonly headCount: number;
  readonly groupCount: number;
  readonly scale: number;
}

/** Extents of one call: K head size of queries and keys, Kv of values, R ranges a query. */
export interface AttentionExtents {
  readonly queryCount: number;
  readonly rangeCount: number;
  readonly keyCount: number;
  readonly headSize: number;
  readonly valueSize: number;
}

/** Extents of q [N, H·K], k [S, G·K], v [S, G·Kv], ranges [N, 2·R]; throws ShapeError where they do not divide. */
export function attentionExtents(op: string, inputs: readonly TensorSpec[], attrs: AttentionAttrs): AttentionExtents {
  const [q, k, v] = [inputs[0]!, inputs[1]!, inputs[2]!];
  for (const [label, input] of [
    ["q", q],
    ["k", k],
    ["v", v],
  ] as const)
    checkShape(op, label, input, [-1, -1]);
  const headSize = q.shape[1]! / attrs.headCount;
  const valueSize = v.shape[1]! / attrs.groupCount;
  if (!Number.isInteger(headSize) || attrs.headCount % attrs.groupCount !== 0) {
    throw new ShapeError({
      op,
      label: "the width of q",
      expected: `a multiple of ${attrs.headCount} heads, a multiple of ${attrs.groupCount} groups`,
      actual: q.shape[1],
    });
  }
  if (k.shape[1] !== headSize * attrs.groupCount) {
    throw new ShapeError({ op, label: "the width of k", expected: headSize * attrs.groupCount, actual: k.shape[1] });
  }
  if (!Number.isInteger(valueSize) || v.shape[0] !== k.shape[0]) {
    throw new ShapeError({
      op,
      label: "the shape of v",
      expected: [k.shape[0]!, `a multiple of ${attrs.groupCount}`],
      actual: v.shape,
    });
  }
  const ranges = inputs[3]!;
  checkIndices(op, "ranges", ranges, [q.shape[0]!, -1]);
  const rangeCount = ranges.shape[1]! / 2;
  if (!Number.isInteger(rangeCount) || rangeCount === 0) {
    throw new ShapeError({ op, label: "the width of ranges", expected: "pairs, one or more", actual: ranges.shape[1] });
  }
  return { queryCount: q.shape[0]!, rangeCount, keyCount: k.shape[0]!, headSize, valueSize };
}

// For query n and head j of group g: p_s = softmax over s in its ranges of scale·q·k_s, out = Σ p_s v_s.
/**
 * Inputs q [N, H·K], k [S, G·K], v [S, G·Kv], ranges [N, 2·R] u32; outputs out [N, H·Kv] and the log-normaliser [N, H].
 * Sums run over the keys of the ranges one after the other, so that only which keys there are, in which order, decides
 * the bits, and not how ranges cut them.
 */
export const attentionOp: OpDefinition<AttentionAttrs> = defineOp({
  name: "attention",
  infer(inputs, attrs) {
    checkInputCount("attention", inputs, 4);
    const { queryCount, valueSize } = attentionExtents("attention", inputs, attrs);
    const dtype = checkFloats("attention", inputs.slice(0, 3));
    return [
      { shape: [queryCount, attrs.headCount * valueSize], dtype },
      { shape: [queryCount, attrs.headCount], dtype },
    ];
  },
  reference({ inputs, outputs, attrs }) {
    const { queryCount, headSize, valueSize } = attentionExtents("attention", inputs, attrs);
    const v = inputs[2]!.data;
    const out = outputs[0]!.data;
    const logNormaliser = outputs[1]!.data;
    const { headCount, groupCount } = attrs;
    for (let n = 0; n < queryCount; n++) {
      const keys = keysOf(inputs[3]!, n);
      for (let head = 0; head < headCount; head++) {
        const group = Math.floor(head / (headCount / groupCount));
        const scores = Float64Array.from(keys, (s) => score(inputs, attrs, headSize, n, head, group, s));
        const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
        const total = scores.reduce((sum, value) => sum + Math.exp(value - highest), 0);
        logNormaliser[n * headCount + head] = highest + Math.log(total);
        for (let k = 0; k < valueSize; k++) {
          let sum = 0;
          for (const [at, s] of keys.entries()) {
            sum += Math.exp(scores[at]! - highest) * v[(s * groupCount + group) * valueSize + k]!;
          }
          out[(n * headCount + head) * valueSize + k] = sum / total;
        }
      }
    }
  },
  cpu: cpuAttention,
  wgsl: wgslAttention,
  vjp: ({ inputs, outputs, attrs }, [g]) => [
    ...apply(attentionGradOp, [...inputs, outputs[0]!, outputs[1]!, g!], attrs),
    null,
  ],
});

// With P the weights and δ_n = Σ_k g_nk·out_nk: dv_s = Σ_n P_ns g_n, and from dS_ns = P_ns (g_n·v_s − δ_n):
// dq_n = scale·Σ_s dS_ns k_s, dk_s = scale·Σ_n dS_ns q_n.
/** Gradients of attention: inputs q, k, v, ranges, out, log-normaliser, g; outputs dq, dk, dv. */
export const attentionGradOp: OpDefinition<AttentionAttrs> = defineOp({
  name: "attentionGrad",
  infer(inputs, attrs) {
    checkInputCount("attentionGrad", inputs, 7);
    attentionExtents("attentionGrad", inputs, attrs);
    checkSameShape("attentionGrad", "g", inputs[6]!, inputs[4]!);
    const dtype = checkFloats(
      "attentionGrad",
      [0, 1, 2, 4, 5, 6].map((index) => inputs[index]!),
    );
    return inputs.slice(0, 3).map(({ shape }) => ({ shape, dtype }));
  },
  reference({ inputs, outputs, attrs }) {
    const { queryCount, headSize, valueSize } = attentionExtents("attentionGrad", inputs, attrs);
    const [q, k, v, , out, logNormaliser, g] = inputs.map((input) => input.data);
    const [dq, dk, dv] = outputs.map((output) => new Float64Array(output.data.length));
    const { headCount, groupCount, scale } = attrs;
    for (let n = 0; n < queryCount; n++) {
      const keys = keysOf(inputs[3]!, n);
      for (let head = 0; head < headCount; head++) {
        const group = Math.floor(head / (headCount / groupCount));
        const outAt = (n * headCount + head) * valueSize;
        const qAt = (n * headCount + head) * headSize;
        let delta = 0;
        for (let i = 0; i < valueSize; i++) delta += g![outAt + i]! * out![outAt + i]!;
        for (const s of keys) {
          const weight = Math.exp(
            score(inputs, attrs, headSize, n, head, group, s) - logNormaliser![n * headCount + head]!,
          );
          const vAt = (s * groupCount + group) * valueSize;
          const kAt = (s * groupCount + group) * headSize;
          let pull = 0;
          for (let i = 0; i < valueSize; i++) {
            pull += g![outAt + i]! * v![vAt + i]!;
            dv![vAt + i] = dv![vAt + i]! + weight * g![outAt + i]!;
          }
          const dScore = weight * (pull - delta) * scale;
          for (let i = 0; i < headSize; i++) {
            dq![qAt + i] = dq![qAt + i]! + dScore * k![kAt + i]!;
            dk![kAt + i] = dk![kAt + i]! + dScore * q![qAt + i]!;
          }
        }
      }
    }
    outputs[0]!.data.set(dq!);
    outputs[1]!.data.set(dk!);
    outputs[2]!.data.set(dv!);
  },
  cpu: cpuAttentionGrad,
  wgsl: wgslAttentionGrad,
  vjp: "nondifferentiable",
});

/** The key rows that query n sees, in the order of its ranges. */
function keysOf(ranges: { readonly shape: readonly number[]; readonly data: ArrayLike<number> }, n: number): number[] {
  const width = ranges.shape[1]!;
  const keys: number[] = [];
  for (let at = n * width; at < (n + 1) * width; at += 2) {
    for (let s = ranges.data[at]!; s < ranges.data[at + 1]!; s++) keys.push(s);
  }
  return keys;
}

function score(
  inputs: readonly { readonly data: ArrayLike<number> }[],
  { headCount, groupCount, scale }: AttentionAttrs,
  headSize: number,
  n: number,
  head: number,
  group: number,
  s: number,
): number {
  const q = inputs[0]!.data;
  const k = inputs[1]!.data;
  let dot = 0;
  for (let i = 0; i < headSize; i++)
    dot += q[(n * headCount + head) * headSize + i]! * k[(s * groupCount + group) * headSize + i]!;
  return dot * scale;
}

/**
 * softmax(scale·q·kᵀ)·v of each query over its own ranges of key rows (E8 with ranges as mask).
 * q [N, H·K], k [S, G·K], v [S, G·Kv], ranges [N, 2·R] u32: R pairs (start, end ≤ S) a query, disjoint; where start = end
 * a pair is empty, but not all of a query are. Returns [N, H·Kv].
 * @equation E8
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, ranges: Tensor, attrs: AttentionAttrs): Tensor {
  return apply(attentionOp, [q, k, v, ranges], attrs)[0]!;
}
