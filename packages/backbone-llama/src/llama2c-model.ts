// The header of a llama2.c file as a config, and Meta's names of tensors. Knows neither bytes nor device.
import type { Checkpoint } from "@dual-head/checkpoint";
import type { ModelDescription } from "./renamed-checkpoint.ts";

/** Meta's names within a layer. */
const layerNames: Readonly<Record<string, string>> = {
  attention_norm: "input_layernorm",
  "attention.wq": "self_attn.q_proj",
  "attention.wk": "self_attn.k_proj",
  "attention.wv": "self_attn.v_proj",
  "attention.wo": "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  "feed_forward.w1": "mlp.gate_proj",
  "feed_forward.w2": "mlp.down_proj",
  "feed_forward.w3": "mlp.up_proj",
};

const outerNames: Readonly<Record<string, string>> = {
  "tok_embeddings.weight": "model.embed_tokens.weight",
  "norm.weight": "model.norm.weight",
  "output.weight": "lm_head.weight",
};

/** Describes an opened llama2.c file. */
export function llama2cModel({ fields }: Checkpoint): ModelDescription {
  const count = (key: string) => fields.get(key) as number;
  const headCounts: Readonly<Record<string, number>> = { q: count("n_heads"), k: count("n_kv_heads") };
  return {
    json: {
      model_type: "llama",
      hidden_size: count("dim"),
      intermediate_size: count("hidden_dim"),
      num_hidden_layers: count("n_layers"),
      num_attention_heads: count("n_heads"),
      num_key_value_heads: count("n_kv_heads"),
      vocab_size: count("vocab_size"),
      max_position_embeddings: count("max_seq_len"),
      // Not in the file: what llama2.c computes with.
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      tie_word_embeddings: fields.get("shared_classifier"),
    },
    // Training put the token that begins a text between texts, so it ends them too.
    generation: { bosTokenId: 1, eosTokenIds: [1, 2] },
    nameOf(stored) {
      const [, layer, name] = /^layers\.(\d+)\.(.+)\.weight$/.exec(stored) ?? [];
      return name === undefined ? outerNames[stored]! : `model.layers.${layer}.${layerNames[name]}.weight`;
    },
    headCountOf: (name) => headCounts[/\.([qk])_proj\./.exec(name)?.[1] ?? ""] ?? null,
  };
}
