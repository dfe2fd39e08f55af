// What differs between the architectures this package runs, as rows of a table. Knows no tensor: all of them are the
// same block, and a row says which defaults and knobs of it an architecture has.

/** Architectures by the `model_type` of their config. */
export type LlamaArchitecture = "llama" | "mistral";

/** One row: values that a config may leave out, and knobs that it may use. */
export interface ArchitectureRow {
  /** Positions where `max_position_embeddings` is left out. */
  readonly maxTokens: number;
  /** Key/value heads where `num_key_value_heads` is left out; null stands for as many as query heads. */
  readonly groupCount: number | null;
  /** Keys visible to a query where `sliding_window` is left out; null for all, "unsupported" where it is no knob. */
  readonly window: number | "unsupported";
  /** Whether `attention_bias` and `mlp_bias` are knobs. */
  readonly biases: boolean;
}

/** The table, with the defaults of the architectures' published configurations. */
export const architectures: Readonly<Record<LlamaArchitecture, ArchitectureRow>> = {
  llama: { maxTokens: 2048, groupCount: null, window: "unsupported", biases: true },
  mistral: { maxTokens: 131072, groupCount: 8, window: 4096, biases: false },
};

/** Keys that change logits and are not implemented, each with the values under which it changes nothing. */
export const inertValues: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ["silu", "swish"],
  partial_rotary_factor: [1],
  rope_interleaved: [false],
  position_embedding_type: ["rope", "rotary"],
  layer_types: [],
  no_rope_layers: [],
  use_qk_norm: [false],
  qk_norm: [false],
  clip_qkv: [],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  query_pre_attn_scalar: [],
  attention_multiplier: [],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  logits_scaling: [1],
  logit_scale: [1],
  num_experts: [0, 1],
  num_local_experts: [0, 1],
  quantization_config: [],
};
