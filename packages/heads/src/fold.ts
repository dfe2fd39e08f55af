// Folding a constant mixture of two heads into one matrix; knows no gate.
import { add, affine, matmul, type Projection, type Tensor, unpack } from "@dual-head/tensor-core";
import { HeadError, linearBase } from "./reward-head.ts";

/**
 * One projection equal to (1−α)·lmHead + α·head on every hidden state: W = (1−α)·W_LM + α·W_RM, likewise the bias.
 *
 * This is why fixed fusion of a free linear head is no richer than a single head (audit: "fixed fusion is degenerate").
 *
 * @param alpha a constant in [0, 1]
 * @throws HeadError where α is outside [0, 1], the language-model head is not linear, or the head is not
 */
export function foldConstant(
  lmHead: Projection,
  head: Projection,
  alpha: number,
): Projection & { readonly kind: "linear" } {
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new HeadError(head.kind, `Cannot fold the heads: alpha is ${alpha} and must lie in [0, 1]`);
  }
  const lm = linearBase(head.kind, lmHead);
  return lm.weight.device.scope(() => {
    const rm = materialise(head);
    const mix = (a: Tensor, b: Tensor) => add(affine(a, 1 - alpha, 0), affine(b, alpha, 0));
    const scaled = (bias: Tensor | null, by: number) => (bias === null ? null : affine(bias, by, 0));
    const bias =
      lm.bias !== null && rm.bias !== null
        ? mix(lm.bias, rm.bias)
        : (scaled(lm.bias, 1 - alpha) ?? scaled(rm.bias, alpha));
    return { kind: "linear", weight: mix(unpack(lm.weight), rm.weight), bias };
  });
}

/** A linear projection as one matrix and one bias: W_base + B·A where it is a low-rank delta. */
function materialise(head: Projection): { readonly weight: Tensor; readonly bias: Tensor | null } {
  if (head.kind === "linear") return { ...head, weight: unpack(head.weight) };
  if (head.kind === "features") {
    throw new HeadError(
      head.kind,
      "Cannot fold the heads: a head with features of its own is not linear in the hidden states and is no matrix; train a linear or low-rank one to fold it",
    );
  }
  return { weight: add(unpack(head.base.weight), matmul(head.b, head.a)), bias: head.base.bias };
}
