// A LLaMA written as plain loops from the architecture's formulas: the oracle of this package's tests. Knows no tensor,
// no cache and no batch.
import { leavesOf, type Tensor } from "@dual-head/tensor-core";
import type { LlamaConfig } from "../config.ts";
import type { LlamaParams } from "../params.ts";

/** Parameters as plain arrays by path, such as `layers.0.query.weight`. */
export type ScalarParams = ReadonlyMap<string, ArrayLike<number>>;

/** Reads parameters back to the host. */
export async function readParams(params: LlamaParams): Promise<ScalarParams> {
  const values = new Map<string, ArrayLike<number>>();
  for (const { path, leaf } of leavesOf<Tensor>(params)) values.set(path, await leaf.read());
  return values;
}

/** Deviations of other implementations that the oracle can imitate. */
export interface ScalarOptions {
  /** Round to float32 inside RMSNorm, as models that cast to single precision there do whatever their own. */
  readonly singlePrecisionNorms?: boolean;
}

/** Final-normed hidden states of one sequence, a row each. */
export function scalarHidden(
  config: LlamaConfig,
  params: ScalarParams,
  tokens: readonly number[],
  options: ScalarOptions = {},
): number[][] {
  const { hiddenSize, headCount, groupCount, headSize, normEpsilon, ropeTheta } = config;
  const get = (path: string) => params.get(path)!;
  const round = options.singlePrecisionNorms === true ? Math.fround : (value: number) => value;
  const norm = (x: readonly number[], path: string) => {
    const squares = x.reduce((sum, value) => round(sum + round(round(value) ** 2)), 0);
    const rms = round(Math.sqrt(round(round(squares / x.length) + round(normEpsilon))));
    return x.map((value, at) => round(round(value) * round(1 / rms)) * get(path)[at]!);
  };
  const linear = (x: readonly number[], path: string) => {
    const [weight, bias] = [get(`${path}.weight`), params.get(`${path}.bias`)];
    return Array.from({ length: weight.length / x.length }, (_, out) =>
      x.reduce((sum, value, at) => sum + value * weight[out * x.length + at]!, bias?.[out] ?? 0),
    );
  };
  // A pair (i, i + K/2) is a complex number turned by its angle.
  const turn = (x: readonly number[], position: number) =>
    x.map((value, at) => {
      const inHead = at % headSize;
      const pair = inHead % (headSize / 2);
      const angle = position * ropeTheta ** ((-2 * pair) / headSize);
      const other = inHead < headSize / 2 ? -x[at + headSize / 2]! : x[at - headSize / 2]!;
      return value * Math.cos(angle) + other * Math.sin(angle);
    });
  let rows = tokens.map((token) =>
    Array.from({ length: hiddenSize }, (_, at) => get("embedding")[token * hiddenSize + at]!),
  );
  for (let layer = 0; layer < config.layerCount; layer++) {
    const path = `layers.${layer}`;
    const normed = rows.map((row) => norm(row, `${path}.attentionNorm`));
    const queries = normed.map((row, position) => turn(linear(row, `${path}.query`), position));
    const keys = normed.map((row, position) => turn(linear(row, `${path}.key`), position));
    const values = normed.map((row) => linear(row, `${path}.value`));
    rows = rows.map((row, t) => {
      const first = Math.max(0, t + 1 - (config.window ?? Number.POSITIVE_INFINITY));
      const attended: number[] = [];
      for (let head = 0; head < headCount; head++) {
        const at = head * headSize;
        const from = Math.floor((head * groupCount) / headCount) * headSize;
        const scores: number[] = [];
        for (let s = first; s <= t; s++) {
          let dot = 0;
          for (let k = 0; k < headSize; k++) dot += queries[t]![at + k]! * keys[s]![from + k]!;
          scores.push(dot / Math.sqrt(headSize));
        }
        const highest = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - highest));
        const total = weights.reduce((a, b) => a + b, 0);
        for (let k = 0; k < headSize; k++) {
          attended.push(weights.reduce((sum, weight, s) => sum + (weight / total) * values[first + s]![from + k]!, 0));
        }
      }
      const middle = linear(attended, `${path}.output`).map((value, at) => value + row[at]!);
      const inner = norm(middle, `${path}.feedForwardNorm`);
      const up = linear(inner, `${path}.up`);
      const activated = linear(inner, `${path}.gate`).map((value, at) => (value / (1 + Math.exp(-value))) * up[at]!);
      return linear(activated, `${path}.down`).map((value, at) => value + middle[at]!);
    });
  }
  return rows.map((row) => norm(row, "finalNorm"));
}
