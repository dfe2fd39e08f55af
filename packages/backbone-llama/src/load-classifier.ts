// A Hugging Face folder to a LLaMA with a score for each label of a text. Knows no tokenizer and no use of the scores.
import { classifierLabelsFrom, type ScoreModel } from "@dual-head/backbone";
import { readJson } from "@dual-head/bytes";
import type { Device } from "@dual-head/tensor-core";
import { type LoadedLlama, type LoadLlamaOptions, loadFrom } from "./load-llama.ts";
import { openModelFiles } from "./model-files.ts";
import { type LlamaParams, scoreName } from "./params.ts";

/** A classifier of texts read from disk, such as a reward model; disposing it frees its parameters. */
export interface LoadedLlamaClassifier extends LoadedLlama, ScoreModel<LlamaParams> {
  /** Names of the labels, in the order of the scores. */
  readonly labels: readonly string[];
}

/**
 * Loads a sequence classifier of any architecture that loadLlama knows, or a reward model where there is one label, from
 * a Hugging Face folder.
 *
 * @throws as loadLlama does; ConfigError where labels are not numbered from 0 or the padding is not a token id
 */
export async function loadLlamaClassifier(
  directory: string,
  device: Device,
  options: LoadLlamaOptions = {},
): Promise<LoadedLlamaClassifier> {
  const path = `${directory.replace(/\/$/, "")}/config.json`;
  const { labels, padTokenId } = classifierLabelsFrom(await readJson(path), path);
  const files = await openModelFiles(directory, options);
  // A classifier has no other head than its own.
  const config = { ...files.config, tiedEmbeddings: true };
  const score = { name: scoreName, shape: [labels.length, config.hiddenSize] };
  const { loaded, besides } = await loadFrom({ ...files, config }, [score], device, options);
  return { ...loaded, labels, padTokenId, score: besides[0]! };
}
