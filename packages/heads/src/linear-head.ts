// The paper's reward head: one matrix and one bias, started from the language-model head; knows no training.
import { affine, createRandom, type Device, type Projection, type Tensor, unpack } from "@dual-head/tensor-core";
import { countParameters, extentsOf, linearBase, type RewardHead } from "./reward-head.ts";

/** Parameters of a linear head: weight [V, D], bias [V, 1]. */
export type LinearHeadParams = { readonly weight: Tensor; readonly bias: Tensor | null };

/** Options of `linearHead`. */
export interface LinearHeadOptions {
  /** "base" copies the language-model head (default), "zero" starts flat, "random" draws N(0, 1/D). */
  readonly initialise?: "base" | "zero" | "random";
  /** Whether the head has a bias, as the paper prints it (default true). */
  readonly bias?: boolean;
}

/**
 * The paper's reward head, z_RM = W_RM·h + b_RM.
 *
 * Started from the language-model head by default, so that π_r is the base policy at first: the preference loss then
 * measures a difference from the base, and fusing changes nothing before training. The paper does not say how it starts.
 *
 * @equation E3
 */
export function linearHead({ initialise = "base", bias = true }: LinearHeadOptions = {}): RewardHead<LinearHeadParams> {
  const parameterShapes = (hiddenSize: number, vocabSize: number) => ({
    weight: [vocabSize, hiddenSize],
    ...(bias ? { bias: [vocabSize, 1] } : {}),
  });
  return {
    config: { kind: "linear", initialise, bias },
    kind: "linear",
    readsHistory: false,
    parameterShapes,
    parameterCount: (hiddenSize, vocabSize) => countParameters(parameterShapes(hiddenSize, vocabSize)),
    init(device: Device, seed: number, lmHead: Projection): LinearHeadParams {
      const base = linearBase("linear", lmHead);
      const { vocabSize, hiddenSize } = extentsOf(base);
      const zeros = () => device.tensor(new Float32Array(vocabSize), [vocabSize, 1], device.floatDtype);
      const copy = (tensor: Tensor) => device.scope(() => affine(unpack(tensor), 1, 0));
      const random = createRandom(seed, "linear-head");
      const draw = () =>
        Float32Array.from({ length: vocabSize * hiddenSize }, () => random.normal() / Math.sqrt(hiddenSize));
      const values = initialise === "random" ? draw() : new Float32Array(vocabSize * hiddenSize);
      return {
        weight:
          initialise === "base" ? copy(base.weight) : device.tensor(values, [vocabSize, hiddenSize], device.floatDtype),
        bias: !bias ? null : initialise === "base" && base.bias !== null ? copy(base.bias) : zeros(),
      };
    },
    encoding: () => null,
    projection: ({ weight, bias: offset }) => ({ kind: "linear", weight, bias: offset }),
  };
}
