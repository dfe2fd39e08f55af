// Fixed fusion: the same α everywhere, the end points included; knows no hidden state.
import { createRowCache, type Device, rowCountOf, type Tensor } from "@dual-head/tensor-core";
import { type Gate, GatingError } from "./gate.ts";

/** Options of `constantGate`. */
export interface ConstantGateOptions {
  /** α in [0, 1], both ends included. */
  readonly alpha: number;
}

/** A constant gate has nothing to train. */
export type ConstantGateParams = Readonly<Record<never, Tensor>>;

/**
 * The logit that stands for the end points: e^−10000 is exactly 0 in both precisions, so that σ gives exactly 0 and 1
 * without an infinity, which a strength of 0 would turn into NaN.
 */
const endPointLogit = 1e4;

/** logit α = ln(α/(1−α)), finite at the end points; σ of the result is exactly 0 for α = 0 and exactly 1 for α = 1. */
export function finiteLogit(alpha: number): number {
  if (alpha <= 0) return -endPointLogit;
  return alpha >= 1 ? endPointLogit : Math.log(alpha) - Math.log1p(-alpha);
}

/**
 * The gate of fixed fusion, α_t = α for every token: E5 with W_g = 0 and b_g = logit α for α inside (0, 1), and exactly
 * the end points too. With it `mixtureLogits` is the policy class the paper prints, `mixedLogits` the one it computes.
 *
 * @equation E14
 * @throws GatingError where α is outside [0, 1]
 */
export function constantGate({ alpha }: ConstantGateOptions): Gate<ConstantGateParams, ConstantGateParams> {
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new GatingError("alpha", `Cannot make a constant gate: alpha is ${alpha} and must lie in [0, 1]`);
  }
  const constant = (device: Device, rowCount: number) =>
    device.tensor(new Array<number>(rowCount).fill(finiteLogit(alpha)), [rowCount]);
  return {
    config: { kind: "constant", alpha },
    kind: "constant",
    parameterShapes: {},
    parameterCount: 0,
    init: () => ({}),
    logits: (_params, hidden, segments, rows) => constant(hidden.device, rows?.length ?? rowCountOf(segments)),
    fold: (params) => params,
    // Only lengths: a history of no numbers per position.
    createHistory: (device, options) => createRowCache(device, { ...options, widths: [] }),
    extend(_folded, hidden, batch, history, rows) {
      history.extend(batch);
      return constant(hidden.device, (rows ?? batch.slots).length);
    },
  };
}
