// How GGUF files of each architecture name tensors and metadata: one row a value of `general.architecture`.
// A new architecture is a row; what its config keys mean stands in architectures.ts.

/** How one architecture names things. */
export interface GgufArchitecture {
  /** The `model_type` of a config.json. */
  readonly modelType: string;
  /** Whether rows of queries and keys lie in pairs that turn together, as in Meta's weights. */
  readonly paired: boolean;
  /** Tensors of a layer: their names in `blk.N.*`, without suffix, and in Hugging Face's `model.layers.N.*`. */
  readonly layerNames: Readonly<Record<string, string>>;
  /** Keys that the file may have behind the architecture's name, and the config keys of the same meaning. */
  readonly keys: Readonly<Record<string, string>>;
}

const attentionNames = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
};

const feedForwardNames = {
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

const keys = {
  embedding_length: "hidden_size",
  feed_forward_length: "intermediate_size",
  block_count: "num_hidden_layers",
  "attention.head_count": "num_attention_heads",
  "attention.head_count_kv": "num_key_value_heads",
  "attention.key_length": "head_dim",
  context_length: "max_position_embeddings",
  "attention.layer_norm_rms_epsilon": "rms_norm_eps",
  "rope.freq_base": "rope_theta",
  expert_count: "num_local_experts",
  logit_scale: "logits_scaling",
  embedding_scale: "embedding_multiplier",
  residual_scale: "residual_multiplier",
  "attention.scale": "attention_multiplier",
};

/** The table, by the value of `general.architecture`. */
export const ggufArchitectures: Readonly<Record<string, GgufArchitecture>> = {
  llama: {
    modelType: "llama",
    paired: true,
    layerNames: { ...attentionNames, ...feedForwardNames },
    keys: { ...keys, "attention.sliding_window": "sliding_window" },
  },
  qwen2: { modelType: "qwen2", paired: false, layerNames: { ...attentionNames, ...feedForwardNames }, keys },
  phi3: {
    modelType: "phi3",
    paired: false,
    layerNames: {
      attn_norm: "input_layernorm",
      attn_qkv: "self_attn.qkv_proj",
      attn_output: "self_attn.o_proj",
      ffn_norm: "post_attention_layernorm",
      ffn_up: "mlp.gate_up_proj",
      ffn_down: "mlp.down_proj",
    },
    keys: { ...keys, "attention.sliding_window": "sliding_window" },
  },
};

/** Tensors outside the layers, alike in all architectures. */
export const ggufOuterNames: Readonly<Record<string, string>> = {
  "token_embd.weight": "model.embed_tokens.weight",
  "output_norm.weight": "model.norm.weight",
  "output.weight": "lm_head.weight",
};

/** Divisors of the rotary frequencies: read with the config, and no weights of their own. */
export const ggufFrequencyTensors: readonly string[] = [
  "rope_freqs.weight",
  "rope_factors_short.weight",
  "rope_factors_long.weight",
];

/** Keys behind the architecture's name that ggufModel reads by itself. */
export const ggufReadKeys: readonly string[] = [
  "vocab_size",
  "attention.value_length",
  "rope.dimension_count",
  "rope.scale_linear",
  "rope.scaling.type",
  "rope.scaling.factor",
  "rope.scaling.original_context_length",
  "rope.scaling.attn_factor",
];

/** Keys that change nothing here: how a file was made, or what only other kinds of models use. */
export const ggufInertKeys: readonly string[] = ["tensor_data_layout", "rope.scaling.finetuned", "expert_used_count"];
