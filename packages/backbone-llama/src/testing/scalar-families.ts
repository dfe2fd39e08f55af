// Logits of every family from a config.json and the tensors stored beside it, by plain loops after the authors' papers
// and published code: an oracle that shares no code with the package. Knows only keys and names of files.

/** A config.json as it stands in the file. */
export type RawConfig = Readonly<Record<string, unknown>> & { readonly model_type: string };

/** Stored tensors by name, flattened row by row. */
export type RawTensors = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>;

type Vector = readonly number[];

/** Cosine and sine factors of one position: [pair] → [c, s]. */
type Turn = readonly (readonly [number, number])[];

const number = (config: RawConfig, key: string, absent?: number): number => {
  const value = config[key] ?? absent;
  if (typeof value !== "number") throw new Error(`Cannot run the oracle: ${key} is ${String(value)}`);
  return value;
};

/** Logits [T][V] of one sequence. */
export function scalarLogits(config: RawConfig, tensors: RawTensors, tokens: readonly number[]): number[][] {
  const hidden = number(config, "hidden_size");
  const heads = number(config, "num_attention_heads");
  const groups = number(config, "num_key_value_heads", heads);
  const size = number(config, "head_dim", hidden / heads);
  const epsilon = number(config, "rms_norm_eps", 1e-6);
  const inner = number(config, "intermediate_size");
  const window = windowOf(config);

  const matrixRows = (name: string, first: number, count: number): Vector[] => {
    const { shape, data } = tensors.get(name)!;
    const width = shape[1]!;
    return Array.from({ length: count }, (_, row) =>
      Array.from({ length: width }, (__, at) => data[(first + row) * width + at]!),
    );
  };
  const vector = (name: string) => Array.from(tensors.get(name)!.data);
  const affine = (x: Vector, rows: readonly Vector[], bias: Vector | undefined) =>
    rows.map((row, out) => dot(row, x) + (bias?.[out] ?? 0));
  const biasOf = (name: string, first: number, count: number) =>
    tensors.has(name) ? vector(name).slice(first, first + count) : undefined;
  /** Applies rows first … first + count of a stored map. */
  const apply = (x: Vector, module: string, first: number, count: number) =>
    affine(x, matrixRows(`${module}.weight`, first, count), biasOf(`${module}.bias`, first, count));
  const norm = (x: Vector, name: string) => {
    const root = Math.sqrt(dot(x, x) / x.length + epsilon);
    return vector(name).map((weight, at) => (weight * x[at]!) / root);
  };

  let stream = tokens.map((token) => matrixRows("model.embed_tokens.weight", token, 1)[0]!);
  const turns = turnsOf(config, size, tokens.length);
  for (let layer = 0; layer < number(config, "num_hidden_layers"); layer++) {
    const at = `model.layers.${layer}`;
    const fused = config.model_type === "phi3";
    const [q, kv] = [heads * size, groups * size];
    const part = (x: Vector, name: string, offset: number, count: number) =>
      fused ? apply(x, `${at}.self_attn.qkv_proj`, offset, count) : apply(x, `${at}.self_attn.${name}_proj`, 0, count);
    const normed = stream.map((x) => norm(x, `${at}.input_layernorm.weight`));
    const queries = normed.map((x, t) => rotate(part(x, "q", 0, q), size, turns[t]!));
    const keys = normed.map((x, t) => rotate(part(x, "k", q, kv), size, turns[t]!));
    const values = normed.map((x) => part(x, "v", q + kv, kv));
    stream = stream.map((x, t) => {
      const mixed: number[] = [];
      for (let head = 0; head < heads; head++) {
        const own = head * size;
        const shared = Math.floor(head / (heads / groups)) * size;
        const query = queries[t]!.slice(own, own + size);
        const seen = keys.map((_, s) => s).filter((s) => s <= t && (window === null || t - s < window));
        const weights = softmax(seen.map((s) => dot(query, keys[s]!.slice(shared, shared + size)) / Math.sqrt(size)));
        for (let k = 0; k < size; k++) {
          mixed.push(seen.reduce((sum, s, index) => sum + weights[index]! * values[s]![shared + k]!, 0));
        }
      }
      const middle = sum(x, apply(mixed, `${at}.self_attn.o_proj`, 0, hidden));
      const y = norm(middle, `${at}.post_attention_layernorm.weight`);
      const gate = fused ? apply(y, `${at}.mlp.gate_up_proj`, 0, inner) : apply(y, `${at}.mlp.gate_proj`, 0, inner);
      const up = fused ? apply(y, `${at}.mlp.gate_up_proj`, inner, inner) : apply(y, `${at}.mlp.up_proj`, 0, inner);
      const product = gate.map((g, index) => (g / (1 + Math.exp(-g))) * up[index]!);
      return sum(middle, apply(product, `${at}.mlp.down_proj`, 0, hidden));
    });
  }
  const head = config.tie_word_embeddings === true ? "model.embed_tokens.weight" : "lm_head.weight";
  const rows = matrixRows(head, 0, number(config, "vocab_size"));
  return stream.map((x) => affine(norm(x, "model.norm.weight"), rows, undefined));
}

/** Keys visible to a query, its own included; null for all. */
function windowOf(config: RawConfig): number | null {
  if (config.model_type === "llama") return null;
  if (config.model_type === "qwen2" && config.use_sliding_window !== true) return null;
  return typeof config.sliding_window === "number" ? config.sliding_window : null;
}

function dot(a: Vector, b: Vector): number {
  return a.reduce((total, value, at) => total + value * b[at]!, 0);
}

function sum(a: Vector, b: Vector): number[] {
  return a.map((value, at) => value + b[at]!);
}

function softmax(scores: Vector): number[] {
  const highest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - highest));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** Each head as two halves whose components pair up. */
function rotate(x: Vector, size: number, turn: Turn): number[] {
  const half = turn.length;
  const y = [...x];
  for (let head = 0; head < x.length; head += size) {
    for (const [pair, [c, s]] of turn.entries()) {
      const [a, b] = [x[head + pair]!, x[head + pair + half]!];
      y[head + pair] = a * c - b * s;
      y[head + pair + half] = a * s + b * c;
    }
  }
  return y;
}

/** The factors of every position by the rule that the config names. */
export function turnsOf(config: RawConfig, size: number, count: number): Turn[] {
  const parameters = (config.rope_parameters ?? config.rope_scaling ?? {}) as Readonly<Record<string, unknown>>;
  const rule: RawConfig = { model_type: "", ...parameters };
  const theta = number({ ...config, ...(parameters.rope_theta === undefined ? {} : parameters) }, "rope_theta", 10000);
  const type = rule.rope_type ?? rule.type ?? "default";
  const width = Math.floor(size * number({ ...config, ...parameters }, "partial_rotary_factor", 1));
  const base = Array.from({ length: width / 2 }, (_, pair) => 1 / theta ** ((2 * pair) / width));
  const longest = number(config, "max_position_embeddings", 2048);
  let length = 1;
  let frequencies = base;
  if (type === "linear") frequencies = base.map((f) => f / number(rule, "factor"));
  else if (type === "llama3") {
    // LLaMA 3.1's reference code, in wavelengths.
    const original = number(rule, "original_max_position_embeddings");
    const [low, high] = [number(rule, "low_freq_factor"), number(rule, "high_freq_factor")];
    frequencies = base.map((f) => {
      const wavelength = (2 * Math.PI) / f;
      if (wavelength < original / high) return f;
      if (wavelength > original / low) return f / number(rule, "factor");
      const smooth = (original / wavelength - low) / (high - low);
      return ((1 - smooth) * f) / number(rule, "factor") + smooth * f;
    });
  } else if (type === "yarn" && config.model_type !== "phi3") {
    // "NTK by parts" of the YaRN paper, with its temperature; the ramp runs over the index of the pair.
    const scale = number(rule, "factor");
    const original = number(rule, "original_max_position_embeddings", longest);
    const index = (rotations: number) => (width * Math.log(original / (rotations * 2 * Math.PI))) / Math.log(theta) / 2;
    const first = Math.max(Math.floor(index(number(rule, "beta_fast", 32))), 0);
    let last = Math.min(Math.ceil(index(number(rule, "beta_slow", 1))), width - 1);
    if (first === last) last += 0.001;
    frequencies = base.map((f, pair) => {
      const ramp = Math.max(0, Math.min(1, (pair - first) / (last - first)));
      return f * (1 - ramp) + (f / scale) * ramp;
    });
    length = number(rule, "attention_factor", 0.1 * Math.log(scale) + 1);
  } else if (type === "longrope" || type === "su" || type === "yarn") {
    const original = number(config, "original_max_position_embeddings", 4096);
    const short = rule.short_factor as number[];
    frequencies = base.map((f, pair) => f / short[pair]!);
    const scale = longest / original;
    length = number(rule, "attention_factor", scale > 1 ? Math.sqrt(1 + Math.log(scale) / Math.log(original)) : 1);
  }
  return Array.from({ length: count }, (_, position) =>
    frequencies.map((f) => [length * Math.cos(position * f), length * Math.sin(position * f)] as const),
  );
}
