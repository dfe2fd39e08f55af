// Exact counts of the architecture: parameters, multiply-adds a token, numbers in caches. Knows no tensor; the tests
// compare them with the packages that implement what is counted.

/** Extents that counts depend on: D, V, and the gate's inner width r and heads h. */
export interface HeadExtents {
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly gateWidth: number;
  readonly gateHeads: number;
}

/** Numbers of parameters; biases of length V are left out, as the paper does. */
export interface ParameterCounts {
  /** W_LM or W_RM: D·V. */
  readonly head: number;
  /** W_Q, W_K, W_V, W_O of D·r each, W_g of D, and b_g: 4Dr + D + 1. */
  readonly gate: number;
  /** One reward head and the gate. */
  readonly trainable: number;
}

/** Counts the parameters of head and gate. */
export function parameterCounts({ hiddenSize, vocabSize, gateWidth }: HeadExtents): ParameterCounts {
  const head = hiddenSize * vocabSize;
  const gate = 4 * hiddenSize * gateWidth + hiddenSize + 1;
  return { head, gate, trainable: head + gate };
}

/** Multiply-adds of one token behind T positions. */
export interface TokenOperations {
  /** One head: D·V. */
  readonly head: number;
  /** The gate as printed: four projections and attention over T keys, 4Dr + 2Tr; the number of heads cancels. */
  readonly gatePrinted: number;
  /** The gate with W_g·W_O·W_V folded to one vector a head: 2Dr + Dh + T(r + h). */
  readonly gateFolded: number;
}

/** Counts the multiply-adds of a token at length T. */
export function tokenOperations(extents: HeadExtents, length: number): TokenOperations {
  const { hiddenSize, vocabSize, gateWidth, gateHeads } = extents;
  return {
    head: hiddenSize * vocabSize,
    gatePrinted: 4 * hiddenSize * gateWidth + 2 * length * gateWidth,
    gateFolded: 2 * hiddenSize * gateWidth + hiddenSize * gateHeads + length * (gateWidth + gateHeads),
  };
}

/** Numbers kept for a sequence of T positions. */
export interface CacheNumbers {
  /** Keys and values of width r: 2Tr. */
  readonly gatePrinted: number;
  /** Keys of width r and one scalar a head: T(r + h). */
  readonly gateFolded: number;
}

/** Counts what a gate keeps of T positions. */
export function gateCacheNumbers(
  { gateWidth, gateHeads }: Pick<HeadExtents, "gateWidth" | "gateHeads">,
  length: number,
): CacheNumbers {
  return { gatePrinted: 2 * length * gateWidth, gateFolded: length * (gateWidth + gateHeads) };
}

/** Extents of a published backbone. */
export interface BackboneShape {
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly feedForwardSize: number;
  readonly vocabSize: number;
}

/** LLaMA 1 as published; keys and values are as wide as the hidden states. */
export const llamaShapes: Readonly<Record<"7B" | "13B" | "30B", BackboneShape>> = {
  "7B": { hiddenSize: 4096, layerCount: 32, headCount: 32, feedForwardSize: 11008, vocabSize: 32000 },
  "13B": { hiddenSize: 5120, layerCount: 40, headCount: 40, feedForwardSize: 13824, vocabSize: 32000 },
  "30B": { hiddenSize: 6656, layerCount: 60, headCount: 52, feedForwardSize: 17920, vocabSize: 32000 },
};

/** Parameters of a LLaMA with a head of its own: embedding, head, and per layer 4D² + 3DF and two norms. */
export function backboneParameters(shape: BackboneShape): number {
  const { hiddenSize, layerCount, feedForwardSize, vocabSize } = shape;
  const layer = 4 * hiddenSize * hiddenSize + 3 * hiddenSize * feedForwardSize + 2 * hiddenSize;
  return 2 * hiddenSize * vocabSize + layerCount * layer + hiddenSize;
}

/** Numbers in the backbone's own cache of T positions: 2·T·D a layer. */
export function backboneCacheNumbers({ hiddenSize, layerCount }: BackboneShape, length: number): number {
  return 2 * length * hiddenSize * layerCount;
}

/**
 * How many times fewer parameters than a reward model of `rewardModelParameters` a method counts or trains.
 *
 * The paper prints 6.7e9/(2·D·V + O(hd²)) ≈ 26 and calls it the same as 50; they are two different counts.
 *
 * @equation E17
 */
export function parameterReduction(rewardModelParameters: number, ownParameters: number): number {
  return rewardModelParameters / ownParameters;
}
