// The paper's gate: causal multi-head attention over the hidden states, of inner width r, computed in folded form.
// Knows no head and no mixing; the literal form of the equations is in multi-head-attention.ts.
import {
  add,
  attention,
  causalRanges,
  createRandom,
  createRowCache,
  entriesOf,
  matmul,
  multiply,
  reshape,
  rowsAsked,
  scatterAddRows,
  sumTo,
  type Tensor,
} from "@dual-head/tensor-core";
import { finiteLogit } from "./constant-gate.ts";
import { type Gate, GatingError } from "./gate.ts";

/** Trained parameters: query, key, value [r, D], output [D, r], weight [1, D] (W_g), bias [1] (b_g). */
export type AttentionGateParams = {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly output: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
};

/** Parameters folded for computing: query, key [r, D], value [h, D] (W_g·W_O·W_V of each head), bias [1]. */
export type FoldedAttentionGate = {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly bias: Tensor;
};

/** Options of `attentionGate`. */
export interface AttentionGateOptions {
  /** D, the width of the hidden states. */
  readonly hiddenSize: number;
  /** r, the inner width, a multiple of `headCount`; r = D is the gate as printed, a small r makes it cheap. */
  readonly width: number;
  /** h, the number of attention heads. */
  readonly headCount: number;
  /** α of every token before training, inside (0, 1); default 0.5, which is b_g = 0. */
  readonly initialAlpha?: number;
}

/**
 * The context-aware gate, α_t = σ(W_g·MultiHeadAttention(h_t, H_1:t, H_1:t) + b_g), causal by construction.
 *
 * W_g·W_O·W_V of a head is one vector of D numbers, so that values are h scalars a position: both views compute this
 * folded form, which is the same function with the same gradients at a fraction of the work. A history keeps r numbers
 * of keys and h scalars per position; a token costs 2Dr + Dh + T(r + h) multiply-adds.
 *
 * Projections start at N(0, 1/D) (the output at N(0, 1/r)), so that scores have the scale of normalised hidden states;
 * W_g starts at zero: α is `initialAlpha` in every context at first, and W_g has a gradient because the attention
 * output is not zero. The inner width is this project's: r = D alone gives 67M parameters at D = 4096, r = 320 the
 * paper's 5M.
 *
 * @equation E5
 * @throws GatingError where the width is not a multiple of the heads or initialAlpha not inside (0, 1)
 */
export function attentionGate(options: AttentionGateOptions): Gate<AttentionGateParams, FoldedAttentionGate> {
  const { hiddenSize, width, headCount, initialAlpha = 0.5 } = options;
  checkOptions(hiddenSize, width, headCount, initialAlpha);
  const attrs = { headCount, groupCount: headCount, scale: 1 / Math.sqrt(width / headCount) };
  const parameterShapes = {
    query: [width, hiddenSize],
    key: [width, hiddenSize],
    value: [width, hiddenSize],
    output: [hiddenSize, width],
    weight: [1, hiddenSize],
    bias: [1],
  };
  /** Σ over heads of the attended scalars, plus b_g: scalars [N, h] → [N]. */
  const gateLogits = (scalars: Tensor, bias: Tensor) => {
    const rowCount = scalars.shape[0]!;
    return reshape(add(sumTo(scalars, [rowCount, 1]), bias), [rowCount]);
  };
  const fold = ({ query, key, value, output, weight, bias }: AttentionGateParams): FoldedAttentionGate => {
    // (W_g·W_O) weighs the r rows of W_V; adding up those of a head gives its vector.
    const rowWeights = reshape(matmul(weight, output), [width, 1]);
    const headOfRow = Uint32Array.from({ length: width }, (_, row) => Math.floor((row * headCount) / width));
    const heads = value.device.tensor(headOfRow, [width]);
    return { query, key, value: scatterAddRows(multiply(value, rowWeights), heads, headCount), bias };
  };
  return {
    config: { kind: "attention", hiddenSize, width, headCount, initialAlpha },
    kind: "attention",
    parameterShapes,
    parameterCount: 4 * width * hiddenSize + hiddenSize + 1,
    init(device, seed) {
      const draw = (name: string, shape: readonly [number, number], deviation: number) => {
        const random = createRandom(seed, `attention-gate ${name}`);
        const values = Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal() * deviation);
        return device.tensor(values, shape, device.floatDtype);
      };
      const inner = 1 / Math.sqrt(hiddenSize);
      return {
        query: draw("query", [width, hiddenSize], inner),
        key: draw("key", [width, hiddenSize], inner),
        value: draw("value", [width, hiddenSize], inner),
        output: draw("output", [hiddenSize, width], 1 / Math.sqrt(width)),
        weight: device.tensor(new Float32Array(hiddenSize), [1, hiddenSize], device.floatDtype),
        bias: device.tensor([finiteLogit(initialAlpha)], [1]),
      };
    },
    logits(params, hidden, segments, rows) {
      const { device } = hidden;
      return device.scope(() => {
        const folded = fold(params);
        const queried = rowsAsked(hidden, rows);
        const q = matmul(queried, folded.query, { transposeB: true });
        const k = matmul(hidden, folded.key, { transposeB: true });
        const v = matmul(hidden, folded.value, { transposeB: true });
        const ranges = device.tensor(() => causalRanges(segments, undefined, rows), [queried.shape[0]!, -1]);
        return gateLogits(attention(q, k, v, ranges, attrs), folded.bias);
      });
    },
    fold: (params) => params.query.device.scope(() => fold(params)),
    createHistory: (device, history) => createRowCache(device, { ...history, widths: [width, headCount] }),
    extend(folded, hidden, batch, history, rows) {
      const { device } = hidden;
      return device.scope(() => {
        history.extend(batch);
        history.write(0, matmul(hidden, folded.key, { transposeB: true }), batch);
        history.write(1, matmul(hidden, folded.value, { transposeB: true }), batch);
        const queried = rowsAsked(hidden, rows);
        const q = matmul(queried, folded.query, { transposeB: true });
        const asked = () => (rows === undefined ? batch : entriesOf(batch, rows));
        const ranges = device.tensor(() => history.ranges(asked()), [queried.shape[0]!, -1]);
        return gateLogits(attention(q, history.matrix(0), history.matrix(1), ranges, attrs), folded.bias);
      });
    },
  };
}

function checkOptions(hiddenSize: number, width: number, headCount: number, initialAlpha: number): void {
  const refuse = (fact: string, state: string, remedy: string) => {
    throw new GatingError(fact, `Cannot make an attention gate: ${state}; ${remedy}`);
  };
  const positive = (value: number) => Number.isInteger(value) && value > 0;
  if (!positive(hiddenSize)) refuse("hiddenSize", `the hidden size is ${hiddenSize}`, "it must be a positive integer");
  if (!positive(headCount)) refuse("headCount", `there are ${headCount} heads`, "it must be a positive integer");
  if (!positive(width) || width % headCount !== 0) {
    refuse("width", `the width is ${width}`, `it must be a positive multiple of the ${headCount} heads`);
  }
  if (!(initialAlpha > 0 && initialAlpha < 1)) {
    refuse(
      "initialAlpha",
      `the initial alpha is ${initialAlpha}`,
      "it must lie inside (0, 1), for the ends take constantGate",
    );
  }
}
