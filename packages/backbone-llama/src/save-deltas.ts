// Changes of low rank to a PEFT folder that peft and loadDeltas read alike. Knows no training.
import { ConfigError } from "@dual-head/backbone";
import { createDirectory, writeFileAtomic } from "@dual-head/bytes";
import { type DeferredTensor, writeSafetensors } from "@dual-head/checkpoint";
import type { Tensor } from "@dual-head/tensor-core";
import type { LlamaConfig } from "./config.ts";
import { adapterName, type DeltaTarget, deltaTargets, type LlamaDeltas, weightsOf } from "./low-rank.ts";

/** Files of a PEFT folder. */
export const adapterFiles: readonly [weights: string, config: string] = [
  "adapter_model.safetensors",
  "adapter_config.json",
];

/** Options of saveDeltas. */
export interface SaveDeltasOptions {
  /** PEFT's alpha: b is written divided by alpha/rank. Default: the rank. */
  readonly alpha?: number | undefined;
  /** Name or path of the model that is changed, for people and for peft. */
  readonly baseModel?: string | undefined;
  /** Facts for the header of the weights. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * Writes `adapter_config.json` and `adapter_model.safetensors` into a folder, which is created; each file is written beside
 * and renamed, the weights last.
 *
 * @throws ConfigError where changes are none, differ in rank, or are of matrices that the model stores as one
 * @throws FileError where the folder is not writable
 */
export async function saveDeltas(
  folder: string,
  config: LlamaConfig,
  deltas: LlamaDeltas<Tensor>,
  options: SaveDeltasOptions = {},
): Promise<void> {
  const refuse = (key: string, value: unknown, reason: string): never => {
    throw new ConfigError(`${folder}/${adapterFiles[1]}`, key, value, reason);
  };
  const entries = weightsOf(config).flatMap((layer, index) =>
    (Object.keys(deltaTargets) as DeltaTarget[]).flatMap((target) => {
      const delta = deltas[index]?.[target];
      return delta === undefined ? [] : [{ target, delta, weight: layer[target].weight }];
    }),
  );
  const ranks = [...new Set(entries.map(({ delta }) => delta.a.shape[0]!))];
  const [rank] = ranks;
  if (rank === undefined || ranks.length > 1) refuse("r", ranks, "one rank, of every change");
  const fused = entries.find(({ weight }) => weight.rows !== undefined);
  if (fused) refuse("target_modules", fused.target, "matrices that are stored by themselves");
  const { alpha = rank!, baseModel, metadata = {} } = options;
  const tensors: Record<string, DeferredTensor> = {};
  for (const { delta, weight } of entries) {
    const store = (part: "A" | "B", tensor: Tensor, factor: number) => {
      const data = async () => Float32Array.from(await tensor.read(), (value) => value * factor);
      tensors[adapterName(weight, part)] = { dtype: "F32", shape: tensor.shape, data };
    };
    store("A", delta.a, 1);
    store("B", delta.b, rank! / alpha);
  }
  const modules = new Set(entries.map(({ target }) => deltaTargets[target].replace(/^.*\./, "")));
  const json = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: baseModel ?? null,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    target_modules: [...modules],
    bias: "none",
    fan_in_fan_out: false,
    use_rslora: false,
    modules_to_save: null,
    inference_mode: true,
  };
  await createDirectory(folder);
  await writeFileAtomic(`${folder}/${adapterFiles[1]}`, `${JSON.stringify(json, null, 2)}\n`);
  await writeSafetensors(`${folder}/${adapterFiles[0]}`, tensors, { format: "pt", ...metadata });
}
