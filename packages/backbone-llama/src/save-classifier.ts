// A LLaMA with a score for each label of a text to a Hugging Face folder that transformers and loadLlamaClassifier read
// alike. Knows no tokenizer.
import type { ScoreModel } from "@dual-head/backbone";
import { createDirectory } from "@dual-head/bytes";
import type { LlamaConfig } from "./config.ts";
import { type LlamaParams, scoreName } from "./params.ts";
import {
  deferred,
  deferredWeights,
  llamaConfigJson,
  type SaveLlamaOptions,
  writeConfig,
  writeWeights,
} from "./save-llama.ts";

/** What is saved of a classifier; labels without names are numbered. */
export interface SavedClassifier extends Omit<ScoreModel<LlamaParams>, "backbone"> {
  readonly labels?: readonly string[] | undefined;
}

/**
 * Writes a sequence classifier, or a reward model where there is one label, as saveLlama writes a model: `score.weight`
 * [L, D] in the place of a language-model head, `num_labels` and `pad_token_id` in config.json.
 *
 * @throws as saveLlama does
 */
export async function saveLlamaClassifier(
  folder: string,
  config: LlamaConfig,
  { params, score, padTokenId, labels }: SavedClassifier,
  options: SaveLlamaOptions = {},
): Promise<void> {
  const { dtype = "F32", generation, metadata = {} } = options;
  const labelCount = score.shape[0]!;
  const names = labels ?? Array.from({ length: labelCount }, (_, label) => `LABEL_${label}`);
  // A head of its own has no place here.
  const body = { ...config, tiedEmbeddings: true };
  const json = llamaConfigJson(body, dtype, generation);
  const [className] = json.architectures as [string];
  await createDirectory(folder);
  await writeConfig(folder, {
    ...json,
    architectures: [className.replace("ForCausalLM", "ForSequenceClassification")],
    num_labels: labelCount,
    id2label: Object.fromEntries(names.map((name, label) => [label, name])),
    label2id: Object.fromEntries(names.map((name, label) => [name, label])),
    ...(padTokenId === null ? {} : { pad_token_id: padTokenId }),
  });
  const tensors = {
    ...deferredWeights(body, { ...params, lmHead: null }, dtype),
    [scoreName]: deferred(score.shape, dtype, [score]),
  };
  await writeWeights(folder, tensors, metadata);
}
