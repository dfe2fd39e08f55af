// A reward head of few parameters: a low-rank difference from the language-model head; knows no training.
import type { Device, Projection } from "@dual-head/tensor-core";
import { initialiseNarrow, type NarrowParams } from "./narrow-params.ts";
import { countParameters, extentsOf, HeadError, linearBase, type RewardHead, withBias } from "./reward-head.ts";

/** Parameters of a low-rank head: a [k, D], b [V, k], bias [V, 1]. */
export type LowRankHeadParams = NarrowParams;

/** Options of `lowRankHead`. */
export interface LowRankHeadOptions {
  /** Rank k of the difference, a positive integer. */
  readonly rank: number;
  /** Whether the head has a bias of its own (default false). */
  readonly bias?: boolean;
}

/**
 * A reward head with W_RM = W_LM + B·A: the paper's head (E3) restricted to a difference of rank k, k·(D + V)
 * parameters.
 *
 * A is drawn from N(0, 1/D) and B starts at zero, so the head starts as the language-model head and yet has a gradient.
 * Not in the paper.
 *
 * @throws HeadError where the rank is not a positive integer
 */
export function lowRankHead({ rank, bias = false }: LowRankHeadOptions): RewardHead<LowRankHeadParams> {
  if (!Number.isInteger(rank) || rank < 1) {
    throw new HeadError("low-rank", `Cannot make a low-rank head: its rank is ${rank} and must be a positive integer`);
  }
  const parameterShapes = (hiddenSize: number, vocabSize: number) => ({
    a: [rank, hiddenSize],
    b: [vocabSize, rank],
    ...(bias ? { bias: [vocabSize, 1] } : {}),
  });
  return {
    config: { kind: "low-rank", rank, bias },
    kind: "low-rank",
    readsHistory: false,
    parameterShapes,
    parameterCount: (hiddenSize, vocabSize) => countParameters(parameterShapes(hiddenSize, vocabSize)),
    init(device: Device, seed: number, lmHead: Projection): LowRankHeadParams {
      const base = linearBase("low-rank", lmHead);
      const { hiddenSize, vocabSize } = extentsOf(base);
      return initialiseNarrow(device, base, parameterShapes(hiddenSize, vocabSize), { seed, label: "low-rank-head" });
    },
    encoding: () => null,
    // The base weight is the language-model head's own tensor, so that fused logits compute it once.
    projection: ({ a, b, bias: offset }, lmHead) => ({
      kind: "low-rank-delta",
      base: withBias(linearBase("low-rank", lmHead), offset),
      a,
      b,
    }),
  };
}
