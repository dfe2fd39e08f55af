// A reward head with features of its own: one transformer block over the hidden states up to a row, read by the
// language-model head's own matrix. Knows no gate and no training.
import {
  add,
  affine,
  attention,
  causalRanges,
  createRandom,
  createRowCache,
  type Device,
  entriesOf,
  matmul,
  type Projection,
  rmsNorm,
  rowsAsked,
  swiglu,
  type Tensor,
} from "@dual-head/tensor-core";
import { countParameters, extentsOf, HeadError, linearBase, type RewardHead, withBias } from "./reward-head.ts";

/**
 * Parameters of a block head: norms [D]; query, key, value [r, D] and output [D, r] of the attention; gate, up [f, D] and
 * down [D, f] of the feed-forward part; bias [V, 1].
 */
export type BlockHeadParams = {
  readonly attentionNorm: Tensor;
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly output: Tensor;
  readonly feedForwardNorm: Tensor;
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly down: Tensor;
  readonly bias: Tensor | null;
};

/** Options of `blockHead`. */
export interface BlockHeadOptions {
  /** r, the inner width of the attention, a positive multiple of `headCount`. */
  readonly width: number;
  /** Attention heads. */
  readonly headCount: number;
  /** f, the inner width of the feed-forward part, a positive integer. */
  readonly feedForwardSize: number;
  /** Whether the head has a bias of its own (default false). */
  readonly bias?: boolean;
}

const normEpsilon = 1e-6;

/**
 * A reward head z_RM = W_LM·g_t whose features come of one transformer block over the frozen hidden states,
 * m_t = h_t + W_O·MHA(n(h_t), n(H_1:t)), g_t = m_t + W_down·(silu(W_gate·n(m_t)) ⊙ W_up·n(m_t)): what a reward model of
 * the backbone's own size learns in all of its layers, it learns in one more. 4·r·D + 3·f·D + 2·D parameters, whatever
 * the vocabulary. Fused logits are one product with W_LM, since (1−α)·z_LM + α·z_RM = W_LM·((1−α)·h + α·g): a token costs
 * one layer beside the backbone's. It folds into no matrix. Rows carry their positions in h; the block adds none.
 *
 * Matrices are drawn from N(0, 1/D); W_O and W_down start at zero, so the head starts as the language-model head and yet
 * has a gradient. Not in the paper.
 *
 * @throws HeadError where a width is not a positive integer, or the attention's no multiple of its heads
 */
export function blockHead(options: BlockHeadOptions): RewardHead<BlockHeadParams> {
  const { width, headCount, feedForwardSize, bias = false } = options;
  checkOptions(options);
  const parameterShapes = (hiddenSize: number, vocabSize: number) => ({
    attentionNorm: [hiddenSize],
    query: [width, hiddenSize],
    key: [width, hiddenSize],
    value: [width, hiddenSize],
    output: [hiddenSize, width],
    feedForwardNorm: [hiddenSize],
    gate: [feedForwardSize, hiddenSize],
    up: [feedForwardSize, hiddenSize],
    down: [hiddenSize, feedForwardSize],
    ...(bias ? { bias: [vocabSize, 1] } : {}),
  });
  const attrs = { headCount, groupCount: headCount, scale: 1 / Math.sqrt(width / headCount) };
  const linear = (x: Tensor, weight: Tensor) => matmul(x, weight, { transposeB: true });
  /** Features of hidden states `asked` [R, D], which see the key rows of `ranges`. */
  const features = (
    params: BlockHeadParams,
    asked: Tensor,
    { keys, values, ranges }: { readonly keys: Tensor; readonly values: Tensor; readonly ranges: () => Uint32Array },
  ) => {
    const visible = asked.device.tensor(ranges, [asked.shape[0]!, -1]);
    const query = linear(rmsNorm(asked, params.attentionNorm, normEpsilon), params.query);
    const middle = add(asked, linear(attention(query, keys, values, visible, attrs), params.output));
    const inner = rmsNorm(middle, params.feedForwardNorm, normEpsilon);
    return add(middle, linear(swiglu(linear(inner, params.gate), linear(inner, params.up)), params.down));
  };
  return {
    config: { kind: "block", width, headCount, feedForwardSize, bias },
    kind: "block",
    readsHistory: true,
    parameterShapes,
    parameterCount: (hiddenSize, vocabSize) => countParameters(parameterShapes(hiddenSize, vocabSize)),
    init(device: Device, seed: number, lmHead: Projection): BlockHeadParams {
      const base = linearBase("block", lmHead);
      const { hiddenSize, vocabSize } = extentsOf(base);
      const shapes = parameterShapes(hiddenSize, vocabSize);
      const tensor = (name: keyof typeof shapes, draw: () => number) => {
        const shape = shapes[name]!;
        const size = shape.reduce((product, extent) => product * extent, 1);
        return device.tensor(Float32Array.from({ length: size }, draw), shape, device.floatDtype);
      };
      const filled = (name: keyof typeof shapes, value: number) => tensor(name, () => value);
      const drawn = (name: keyof typeof shapes) => {
        const random = createRandom(seed, `block-head ${name}`);
        return tensor(name, () => random.normal() / Math.sqrt(hiddenSize));
      };
      return {
        attentionNorm: filled("attentionNorm", 1),
        query: drawn("query"),
        key: drawn("key"),
        value: drawn("value"),
        output: filled("output", 0),
        feedForwardNorm: filled("feedForwardNorm", 1),
        gate: drawn("gate"),
        up: drawn("up"),
        down: filled("down", 0),
        bias: !bias ? null : base.bias === null ? filled("bias", 0) : affine(base.bias, 1, 0),
      };
    },
    encoding(params) {
      const keysOf = (normed: Tensor) => ({ keys: linear(normed, params.key), values: linear(normed, params.value) });
      return {
        read: (hidden, segments, rows) =>
          hidden.device.scope(() => {
            const normed = rmsNorm(hidden, params.attentionNorm, normEpsilon);
            const ranges = () => causalRanges(segments, undefined, rows);
            return features(params, rowsAsked(hidden, rows), { ...keysOf(normed), ranges });
          }),
        createHistory: (device, extent) => createRowCache(device, { ...extent, widths: [width, width] }),
        extend: (hidden, batch, history, rows) =>
          hidden.device.scope(() => {
            const { keys, values } = keysOf(rmsNorm(hidden, params.attentionNorm, normEpsilon));
            history.extend(batch);
            history.write(0, keys, batch);
            history.write(1, values, batch);
            const asked = () => (rows === undefined ? batch : entriesOf(batch, rows));
            const held = { keys: history.matrix(0), values: history.matrix(1), ranges: () => history.ranges(asked()) };
            return features(params, rowsAsked(hidden, rows), held);
          }),
      };
    },
    projection: ({ bias: offset }, lmHead) => ({
      kind: "features",
      base: withBias(linearBase("block", lmHead), offset),
      features: null,
    }),
  };
}

function checkOptions({ width, headCount, feedForwardSize }: BlockHeadOptions): void {
  for (const [what, value] of [
    ["attention heads", headCount],
    ["attention width", width],
    ["feed-forward size", feedForwardSize],
  ] as const) {
    if (Number.isInteger(value) && value > 0) continue;
    throw new HeadError("block", `Cannot make a block head: its ${what} are ${value} and must be a positive integer`);
  }
  if (width % headCount === 0) return;
  throw new HeadError(
    "block",
    `Cannot make a block head: its attention width ${width} is no multiple of its ${headCount} heads; choose one that is`,
  );
}
