// The language-modelling loss on the fused policy; knows no logits, only nats of response tokens.
import { affine, sumTo, type Tensor } from "@dual-head/tensor-core";
import { applyMask } from "./mask.ts";

/** How nats of a batch become one number: a mean over tokens, or as printed a mean over sequences of sums. */
export type LanguageModelReduction = "token-mean" | "printed";

/** Options of `languageModelLoss`. */
export interface LanguageModelLossOptions {
  /** Default "token-mean", which does not depend on how long responses are. */
  readonly reduction?: LanguageModelReduction;
  /** Sequences the nats belong to; needed by "printed" only, where it must be positive. */
  readonly sequenceCount?: number;
  /** Response tokens of the whole batch where `nats` is a piece of it; default: the rows that count here. */
  readonly tokenCount?: number;
  /** Rows that count (anything but 0), [N]; default all. */
  readonly mask?: ArrayLike<number>;
}

/**
 * L_LM = −(1/N) Σ_t log P(y_t | x, y_<t) over response tokens (E10 with reduction "token-mean"), or as printed
 * −E_(x,y) Σ_t log P(y_t | x, y_<t); P is the softmax of the fused logits.
 *
 * The printed form grows with the length of responses and so outweighs the entropy loss, which is a mean.
 *
 * @param nats −log P of response tokens, [N]
 * @equation E10
 * @throws EmptyBatchError where no row counts
 */
export function languageModelLoss(nats: Tensor, options: LanguageModelLossOptions = {}): Tensor {
  const { reduction = "token-mean", sequenceCount, tokenCount, mask } = options;
  return nats.device.scope(() => {
    const { values, count } = applyMask("language-model", nats, mask);
    const normaliser = reduction === "printed" ? (sequenceCount ?? 0) : (tokenCount ?? count);
    if (!(normaliser > 0)) {
      throw new RangeError(
        `Cannot compute the language-model loss: reduction ${reduction} divides by ${normaliser}; give a positive ${reduction === "printed" ? "sequenceCount" : "tokenCount"}`,
      );
    }
    return affine(sumTo(values, []), 1 / normaliser, 0);
  });
}
