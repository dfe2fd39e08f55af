// Hidden states of a GPT-2 from the numbers of its config.json and the tensors stored beside it, by plain loops after the
// published code: an oracle that shares no code with the package. Knows only names in files.

/** A config.json as it stands in the file. */
export type RawGpt2Config = Readonly<Record<string, unknown>> & {
  readonly n_embd: number;
  readonly n_layer: number;
  readonly n_head: number;
};

/** Stored tensors by name, flattened row by row. */
export type RawTensors = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>;

type Vector = readonly number[];

/** Final-normed hidden states [T][D] of one sequence; `prefix` stands before the names of the body's tensors. */
export function scalarGpt2(config: RawGpt2Config, tensors: RawTensors, tokens: Vector, prefix = ""): number[][] {
  const { n_embd: width, n_layer: layers, n_head: heads } = config;
  const size = width / heads;
  const epsilon = (config.layer_norm_epsilon as number | undefined) ?? 1e-5;
  const get = (name: string) => tensors.get(prefix + name)!.data;
  const norm = (x: Vector, name: string) => {
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const variance = x.reduce((total, value) => total + (value - mean) * (value - mean), 0) / x.length;
    const [weight, bias] = [get(`${name}.weight`), get(`${name}.bias`)];
    return x.map((value, at) => ((value - mean) / Math.sqrt(variance + epsilon)) * weight[at]! + bias[at]!);
  };
  /** "Conv1D": y_j = b_j + Σ_i x_i·W_ij. */
  const convolve = (x: Vector, name: string) => {
    const bias = Array.from(get(`${name}.bias`));
    const weight = get(`${name}.weight`);
    return bias.map((b, j) => x.reduce((total, value, i) => total + value * weight[i * bias.length + j]!, b));
  };
  const gelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

  let stream = tokens.map((token, position) =>
    Array.from(
      { length: width },
      (_, at) => get("wte.weight")[token * width + at]! + get("wpe.weight")[position * width + at]!,
    ),
  );
  for (let layer = 0; layer < layers; layer++) {
    const joined = stream.map((x) => convolve(norm(x, `h.${layer}.ln_1`), `h.${layer}.attn.c_attn`));
    stream = stream.map((x, t) => {
      const mixed: number[] = [];
      for (let head = 0; head < heads; head++) {
        const part = (row: Vector, which: number) =>
          row.slice(which * width + head * size, which * width + (head + 1) * size);
        const query = part(joined[t]!, 0);
        const seen = joined.slice(0, t + 1);
        const scores = seen.map((row) => {
          let score = part(row, 1).reduce((total, value, at) => total + value * query[at]!, 0);
          if (config.scale_attn_weights !== false) score /= Math.sqrt(size);
          return config.scale_attn_by_inverse_layer_idx === true ? score / (layer + 1) : score;
        });
        const highest = Math.max(...scores);
        const powers = scores.map((score) => Math.exp(score - highest));
        const total = powers.reduce((a, b) => a + b, 0);
        for (let at = 0; at < size; at++) {
          mixed.push(seen.reduce((sum, row, s) => sum + (powers[s]! / total) * part(row, 2)[at]!, 0));
        }
      }
      const middle = convolve(mixed, `h.${layer}.attn.c_proj`).map((value, at) => value + x[at]!);
      const inner = convolve(norm(middle, `h.${layer}.ln_2`), `h.${layer}.mlp.c_fc`).map(gelu);
      return convolve(inner, `h.${layer}.mlp.c_proj`).map((value, at) => value + middle[at]!);
    });
  }
  return stream.map((x) => norm(x, "ln_f"));
}
