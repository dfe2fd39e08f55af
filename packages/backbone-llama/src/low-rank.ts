// LoRA: changes of low rank to the matrices of a LLaMA, to train beside frozen weights or to read from a PEFT adapter.
// Knows no loss.
import { ConfigError } from "@dual-head/backbone";
import { readJson } from "@dual-head/bytes";
import { CheckpointError, checkTensor, openCheckpoint } from "@dual-head/checkpoint";
import { affine, createRandom, type Device, type Tensor } from "@dual-head/tensor-core";
import * as v from "valibot";
import type { LlamaConfig } from "./config.ts";
import {
  createLlamaTree,
  type Linear,
  type LlamaLayer,
  type LlamaParams,
  type LowRankDelta,
  storedShape,
  type WeightName,
} from "./params.ts";

/** Name of a matrix of a layer that can be changed. */
export type DeltaTarget = "query" | "key" | "value" | "output" | "gate" | "up" | "down";

/** Matrices that can be changed, with their names in Hugging Face modules. */
export const deltaTargets: Readonly<Record<DeltaTarget, string>> = {
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  output: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

/** Changes of a model, a layer each: what is trained, a tree of its own. */
export type LlamaDeltas<Leaf> = readonly Readonly<Partial<Record<DeltaTarget, LowRankDelta<Leaf>>>>[];

/** Which matrices are changed and by what rank. */
export interface DeltaOptions {
  readonly rank: number;
  /** Default: query and value, as LoRA's authors have it. */
  readonly targets?: readonly DeltaTarget[] | undefined;
}

/**
 * Changes at the start of training: a from 𝒩(0, 1/in), b zero, so that nothing changes yet. PEFT's factor alpha/r is
 * part of b here. The caller disposes them.
 *
 * @throws ConfigError where the rank is none
 */
export function initialiseDeltas(
  config: LlamaConfig,
  device: Device,
  { rank, targets = ["query", "value"] }: DeltaOptions,
  seed: number,
): LlamaDeltas<Tensor> {
  if (!Number.isSafeInteger(rank) || rank < 1) throw new ConfigError("LoRA", "rank", rank, "a positive integer");
  return weightsOf(config).map((layer, index) =>
    Object.fromEntries(
      targets.map((target) => {
        const [outSize, inSize] = layer[target].weight.shape as [number, number];
        const random = createRandom(seed, `model.layers.${index}.${deltaTargets[target]}.weight lora`);
        const a = Float64Array.from({ length: rank * inSize }, () => random.normal() / Math.sqrt(inSize));
        const b = new Float64Array(outSize * rank);
        return [
          target,
          { a: device.keep(device.tensor(a, [rank, inSize])), b: device.keep(device.tensor(b, [outSize, rank])) },
        ];
      }),
    ),
  );
}

/**
 * Changes with b times a factor; a is shared. PEFT trains b without the factor alpha/r, and so does who attaches changes
 * scaled by it: differentiable, a new tensor for each b.
 */
export function scaleDeltas(deltas: LlamaDeltas<Tensor>, factor: number): LlamaDeltas<Tensor> {
  return deltas.map((layer) =>
    Object.fromEntries(Object.entries(layer).map(([target, { a, b }]) => [target, { a, b: affine(b, factor, 0) }])),
  );
}

/** The model with its changes; weights and changes are shared, not copied. */
export function attachDeltas(params: LlamaParams, deltas: LlamaDeltas<Tensor>): LlamaParams {
  return {
    ...params,
    layers: params.layers.map((layer, index) => ({
      ...layer,
      ...Object.fromEntries(
        Object.entries(deltas[index] ?? {}).map(([target, delta]) => [
          target,
          { ...layer[target as DeltaTarget], delta } satisfies Linear<Tensor>,
        ]),
      ),
    })),
  };
}

const adapterSchema = v.looseObject({
  peft_type: v.literal("LORA"),
  r: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  lora_alpha: v.pipe(v.number(), v.finite()),
  use_rslora: v.nullish(v.boolean(), false),
  use_dora: v.nullish(v.literal(false)),
  bias: v.nullish(v.literal("none")),
  fan_in_fan_out: v.nullish(v.literal(false)),
  modules_to_save: v.nullish(v.pipe(v.array(v.string()), v.length(0))),
  rank_pattern: v.nullish(v.strictObject({})),
  alpha_pattern: v.nullish(v.strictObject({})),
});

/**
 * Reads a PEFT folder (`adapter_config.json`, `adapter_model.safetensors`) to a device. The caller disposes the changes.
 *
 * @throws ConfigError for an adapter of another kind, or with parts this model has no place for
 * @throws CheckpointError where a tensor is missing, has another shape, or belongs to no matrix of the model
 */
export async function loadDeltas(folder: string, config: LlamaConfig, device: Device): Promise<LlamaDeltas<Tensor>> {
  const path = `${folder}/adapter_config.json`;
  const parsed = v.safeParse(adapterSchema, await readJson(path));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const key = String(issue.path?.[0]?.key ?? "it");
    throw new ConfigError(path, key, issue.input, `${issue.expected ?? "given"}; other adapters are not supported`);
  }
  const { r: rank, lora_alpha: alpha, use_rslora: rootScaled } = parsed.output;
  const scale = alpha / (rootScaled ? Math.sqrt(rank) : rank);
  const checkpoint = await openCheckpoint(`${folder}/adapter_model.safetensors`);
  const held: Tensor[] = [];
  try {
    const known = new Set<string>();
    const read = async (
      name: string,
      shape: readonly [number, number],
      factor: number,
      rows: { readonly first: number; readonly count: number } = { first: 0, count: shape[0] },
    ) => {
      checkTensor(checkpoint, name, shape);
      known.add(name);
      const stored = await checkpoint.read(name, "f64");
      const own = stored.subarray(rows.first * shape[1], (rows.first + rows.count) * shape[1]);
      const tensor = device.keep(
        device.tensor(
          own.map((value) => factor * value),
          [rows.count, shape[1]],
        ),
      );
      held.push(tensor);
      return tensor;
    };
    const deltas: Partial<Record<DeltaTarget, LowRankDelta<Tensor>>>[] = [];
    for (const layer of weightsOf(config)) {
      const own: Partial<Record<DeltaTarget, LowRankDelta<Tensor>>> = {};
      for (const target of Object.keys(deltaTargets) as DeltaTarget[]) {
        const weight = layer[target].weight;
        const [outSize, inSize] = storedShape(weight) as [number, number];
        const [nameA, nameB] = [adapterName(weight, "A"), adapterName(weight, "B")];
        if (!checkpoint.has(nameA) && !checkpoint.has(nameB)) continue;
        // Weights that are rows of one stored matrix share its a, and each has its rows of b.
        const rows = { first: weight.rows?.first ?? 0, count: weight.shape[0]! };
        own[target] = {
          a: await read(nameA, [rank, inSize], 1),
          b: await read(nameB, [outSize, rank], scale, rows),
        };
      }
      deltas.push(own);
    }
    const stranger = checkpoint.names.find((name) => !known.has(name));
    if (stranger !== undefined || known.size === 0) {
      const actual = stranger === undefined ? "no tensor" : JSON.stringify(stranger);
      throw new CheckpointError(
        `Cannot load ${checkpoint.path}: ${actual} belongs to no matrix of this model; use an adapter trained on it`,
        checkpoint.path,
        { tensor: stranger ?? "any", expected: "lora_A and lora_B of attention and feed-forward", actual },
      );
    }
    return deltas;
  } catch (error) {
    for (const tensor of held) tensor.dispose();
    throw error;
  } finally {
    await checkpoint.close();
  }
}

/** The name of a half of a change of a weight in a PEFT folder. */
export function adapterName({ name }: WeightName, part: "A" | "B"): string {
  return `base_model.model.${name.replace(/\.weight$/, "")}.lora_${part}.weight`;
}

/** Names and shapes of the layers' weights. */
export function weightsOf(config: LlamaConfig): readonly LlamaLayer<WeightName>[] {
  return createLlamaTree(config, (weight) => weight).layers;
}
