// A reward head with features of its own: a small network beside each hidden state, read by the language-model head's own
// matrix. Knows no former row and no training.
import {
  add,
  createRowCache,
  type Device,
  matmul,
  type Projection,
  rowsAsked,
  type Tensor,
  unary,
} from "@dual-head/tensor-core";
import { initialiseNarrow, type NarrowParams } from "./narrow-params.ts";
import { countParameters, extentsOf, HeadError, linearBase, type RewardHead, withBias } from "./reward-head.ts";

/** Parameters of a residual head: a [k, D], b [D, k], bias [V, 1]. */
export type ResidualHeadParams = NarrowParams;

/** Options of `residualHead`. */
export interface ResidualHeadOptions {
  /** Hidden units k, a positive integer. */
  readonly width: number;
  /** Whether the head has a bias of its own (default false). */
  readonly bias?: boolean;
}

/**
 * A reward head z_RM = W_LM·(h + B·silu(A·h)): 2·k·D parameters, whatever the vocabulary. Fused logits are one product with
 * W_LM, since (1−α)·z_LM + α·z_RM = W_LM·(h + α·B·silu(A·h)): the head costs a step no matrix of V·D numbers. It is not
 * linear in h, so that it folds into no matrix.
 *
 * A is drawn from N(0, 1/D) and B starts at zero, so the head starts as the language-model head and yet has a gradient.
 * Not in the paper.
 *
 * @throws HeadError where the width is not a positive integer
 */
export function residualHead({ width, bias = false }: ResidualHeadOptions): RewardHead<ResidualHeadParams> {
  if (!Number.isInteger(width) || width < 1) {
    throw new HeadError(
      "residual",
      `Cannot make a residual head: its width is ${width} and must be a positive integer`,
    );
  }
  const parameterShapes = (hiddenSize: number, vocabSize: number) => ({
    a: [width, hiddenSize],
    b: [hiddenSize, width],
    ...(bias ? { bias: [vocabSize, 1] } : {}),
  });
  return {
    config: { kind: "residual", width, bias },
    kind: "residual",
    readsHistory: false,
    parameterShapes,
    parameterCount: (hiddenSize, vocabSize) => countParameters(parameterShapes(hiddenSize, vocabSize)),
    init(device: Device, seed: number, lmHead: Projection): ResidualHeadParams {
      const base = linearBase("residual", lmHead);
      const { hiddenSize, vocabSize } = extentsOf(base);
      return initialiseNarrow(device, base, parameterShapes(hiddenSize, vocabSize), { seed, label: "residual-head" });
    },
    encoding({ a, b }) {
      const features = (hidden: Tensor, rows?: Uint32Array) =>
        hidden.device.scope(() => {
          const asked = rowsAsked(hidden, rows);
          const units = unary("silu", matmul(asked, a, { transposeB: true }));
          return add(asked, matmul(units, b, { transposeB: true }));
        });
      return {
        read: (hidden, _, rows) => features(hidden, rows),
        createHistory: (device, extent) => createRowCache(device, { ...extent, widths: [] }),
        extend(hidden, batch, history, rows) {
          history.extend(batch);
          return features(hidden, rows);
        },
      };
    },
    projection: ({ bias: offset }, lmHead) => ({
      kind: "features",
      base: withBias(linearBase("residual", lmHead), offset),
      features: null,
    }),
  };
}
