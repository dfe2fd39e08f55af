// What differs between the architectures this package runs, as rows of a table. Knows no tensor: all of them are the
// same block, and a row says which defaults, knobs and stored tensors of it an architecture has.

/** Architectures by the `model_type` of their config; SmolLM, SmolLM2 and TinyLlama are of type llama. */
export type LlamaArchitecture = "llama" | "mistral" | "qwen2" | "phi3";

/** How a config says that queries see the last keys only. */
export interface WindowRule {
  /** Keys visible where `sliding_window` is left out; null for all. */
  readonly absent: number | null;
  /** Whether `use_sliding_window` must be true for it, and layers before `max_window_layers` do without. */
  readonly switched: boolean;
}

/** One row: values that a config may leave out, knobs that it may use, and how weights are stored. */
export interface ArchitectureRow {
  /** Name of the model with its head, in the `architectures` of a config. */
  readonly className: string;
  /** Positions where `max_position_embeddings` is left out. */
  readonly maxTokens: number;
  /** Positions of the first training where `original_max_position_embeddings` is left out; null for all positions. */
  readonly originalMaxTokens: number | null;
  /** Key/value heads where `num_key_value_heads` is left out; null stands for as many as query heads. */
  readonly groupCount: number | null;
  /** ε where `rms_norm_eps` is left out. */
  readonly normEpsilon: number;
  /** The rule of windows, or null where they are no knob. */
  readonly window: WindowRule | null;
  /** Which projections have biases: as `attention_bias` and `mlp_bias` say, those that read the attention's input, none. */
  readonly biases: "knobs" | "query, key, value" | "none";
  /** Whether query, key and value are the rows of one stored matrix, and gate and up of another. */
  readonly fused: boolean;
  /** Whether `partial_rotary_factor` is a knob. */
  readonly partial: boolean;
  /** Types of rope scaling that are other names of longrope here. */
  readonly longRopeNames: readonly string[];
}

const plain = {
  originalMaxTokens: null,
  groupCount: null,
  normEpsilon: 1e-6,
  window: null,
  biases: "none",
  fused: false,
  partial: false,
  longRopeNames: ["su"],
} as const;

/** The table, with the defaults of the architectures' published configurations. */
export const architectures: Readonly<Record<LlamaArchitecture, ArchitectureRow>> = {
  llama: { ...plain, className: "LlamaForCausalLM", maxTokens: 2048, biases: "knobs" },
  mistral: {
    ...plain,
    className: "MistralForCausalLM",
    maxTokens: 131072,
    groupCount: 8,
    window: { absent: 4096, switched: false },
  },
  qwen2: {
    ...plain,
    className: "Qwen2ForCausalLM",
    maxTokens: 32768,
    groupCount: 32,
    window: { absent: 4096, switched: true },
    biases: "query, key, value",
  },
  phi3: {
    ...plain,
    className: "Phi3ForCausalLM",
    maxTokens: 4096,
    originalMaxTokens: 4096,
    normEpsilon: 1e-5,
    window: { absent: null, switched: false },
    fused: true,
    partial: true,
    longRopeNames: ["su", "yarn"],
  },
};

/** Layers before this one see all keys where `use_sliding_window` is true and `max_window_layers` is left out. */
export const defaultMaxWindowLayers = 28;

/** Keys that change logits and are not implemented, each with the values under which it changes nothing. */
export const inertValues: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ["silu", "swish"],
  hidden_activation: ["silu", "swish"],
  rope_interleaved: [false],
  position_embedding_type: ["rope", "rotary"],
  no_rope_layers: [],
  use_qk_norm: [false],
  qk_norm: [false],
  use_mrope: [false],
  use_logn_attn: [false],
  use_dynamic_ntk: [false],
  is_causal: [true],
  use_bidirectional_attention: [false],
  parallel_attn: [false],
  use_parallel_residual: [false],
  clip_qkv: [],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  query_pre_attn_scalar: [],
  attention_multiplier: [],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  logits_scaling: [1],
  logit_scale: [1],
  scale_emb: [1],
  num_experts: [0, 1],
  num_local_experts: [0, 1],
  full_attn_mod: [1],
  interpolate_factor: [1],
  quantization_config: [],
  compression_config: [],
};
