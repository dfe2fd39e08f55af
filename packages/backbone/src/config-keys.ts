// Which keys of a config.json a reader lets pass: those it reads, and those known to change no logit. Any other might.
// Knows no architecture.
import { ConfigError } from "./config-error.ts";

/** How strictly a config is read. */
export interface ConfigOptions {
  /** Keys that are taken to change no logit though nobody here knows them; none by default. */
  readonly ignoreConfigKeys?: readonly string[] | undefined;
}

/** What one architecture makes of the keys. */
export interface ConfigKeys {
  /** Keys that are read. */
  readonly read: readonly string[];
  /** Keys that change logits and are not implemented, each with the values under which it changes nothing. */
  readonly inert: Readonly<Record<string, readonly unknown[]>>;
}

/**
 * Throws for a key that is neither read nor known to change no logit. Null, false and what is empty turn nothing on; names
 * with an underscore before them are bookkeeping.
 *
 * @throws ConfigError that names the key
 */
export function checkConfigKeys(
  path: string,
  config: Readonly<Record<string, unknown>>,
  { read, inert }: ConfigKeys,
  { ignoreConfigKeys = [] }: ConfigOptions = {},
): void {
  const passed = new Set([...read, ...ignoreConfigKeys]);
  for (const [key, value] of Object.entries(config)) {
    if (passed.has(key) || isOff(value)) continue;
    const values = Object.hasOwn(inert, key) ? inert[key] : undefined;
    if (values !== undefined) {
      if (values.includes(value)) continue;
      const allowed = ["left out", ...values.map((each) => JSON.stringify(each))].join(" or ");
      throw new ConfigError(path, key, value, `${allowed}; the rest is not supported, use another checkpoint`);
    }
    if (harmlessKeys.has(key) || key.startsWith("_")) continue;
    const remedy = `use another checkpoint, or say that it changes none: --ignore-config-key ${key}, or ignoreConfigKeys of a loader`;
    throw new ConfigError(path, key, value, `left out, for a key that is not known may change logits; ${remedy}`);
  }
}

function isOff(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

const harmlessKeys: ReadonlySet<string> = new Set([
  // Where a checkpoint comes from, and what wrote it.
  ...["architectures", "model_type", "transformers_version", "auto_map", "name_or_path", "base_model_name_or_path"],
  ...["finetuning_task", "task_specific_params", "unsloth_fixed", "unsloth_version", "is_llama_config", "is_decoder"],
  ...["transformers.js_config", "transformers_js_config", "tokenizer_class", "prefix", "model_name", "model_version"],
  // How it is stored and run.
  ...["torch_dtype", "dtype", "use_cache", "torchscript", "use_bfloat16", "tf_legacy_loss", "pretraining_tp"],
  ...["attn_implementation", "use_flash_attn", "use_flash_attention", "use_flash_attention_2", "flash_attn"],
  ...["gradient_checkpointing", "chunk_size_feed_forward", "output_past", "reorder_and_upcast_attn"],
  ...["return_dict", "output_attentions", "output_hidden_states", "max_sequence_length", "model_max_length"],
  // How it was trained.
  ...["initializer_range", "initializer_cutoff_factor", "attention_dropout", "attn_pdrop", "embd_pdrop", "resid_pdrop"],
  ...["hidden_dropout", "hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "classifier_dropout"],
  ...["label_smoothing", "router_aux_loss_coef", "neftune_noise_alpha", "predict_special_tokens"],
  // Tokens, labels, and what generation does with logits.
  ...["bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "unk_token_id", "cls_token_id", "mask_token_id"],
  ...["decoder_start_token_id", "image_token_id", "forced_bos_token_id", "forced_eos_token_id"],
  ...["id2label", "label2id", "num_labels", "problem_type", "summary_activation", "summary_first_dropout"],
  ...["summary_proj_to_labels", "summary_type", "summary_use_proj"],
  ...["max_length", "min_length", "max_new_tokens", "do_sample", "early_stopping", "num_beams", "num_beam_groups"],
  ...["diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty"],
  ...["no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences"],
  ...["output_scores", "return_dict_in_generate", "remove_invalid_values", "exponential_decay_length_penalty"],
  ...["suppress_tokens", "begin_suppress_tokens"],
]);
