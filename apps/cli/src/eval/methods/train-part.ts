// Training and loading of the parts of a method: reward heads by the ordinary training of heads, whole models, changes of low
// rank and score heads by tuning. Knows no suite.
import { attachDeltas, loadDeltas, loadLlama, loadLlamaClassifier } from "@dual-head/backbone-llama";
import type { PreferencePair } from "@dual-head/data";
import type { GateConfig } from "@dual-head/gating";
import type { HeadConfig } from "@dual-head/heads";
import { type LoraRecipe, recipeSettings, type TrainedPart, type TrainingRecipe } from "@dual-head/methods";
import type { Device } from "@dual-head/tensor-core";
import {
  defaultGate,
  defaultHead,
  freeTree,
  type HeldOutFigures,
  loadHeads,
  prepareData,
  type TrainingSettings,
  type TuneSettings,
  train,
  tune,
} from "@dual-head/train";
import { type Io, responsive } from "../../io.ts";
import { type LlamaTuning, tuneLora, tuneScored, tuneWhole } from "../../training/llama-tuning.ts";
import { peerRecipes } from "../../training/methods.ts";
import type { PartSpec } from "../arm.ts";
import type { OpenBackbone } from "../workbench.ts";
import type { HeadsPart, ModelPart, ScorePart } from "./parts.ts";

/** A loaded part; disposing it frees what is its own. */
export type LoadedPart = Disposable &
  (
    | { readonly kind: "heads"; readonly part: HeadsPart }
    | { readonly kind: "model"; readonly part: ModelPart }
    | { readonly kind: "score"; readonly part: ScorePart }
  );

/** What a part is trained with. */
export interface TrainPartOptions {
  readonly spec: PartSpec;
  readonly pairs: readonly PreferencePair[];
  readonly opened: OpenBackbone;
  readonly device: Device;
  readonly folder: string;
  readonly seed: number;
  readonly io: Io;
  readonly onProgress: (line: string) => void;
}

/** What a training led to, for the record of a run. */
export interface PartFigures {
  readonly steps: number;
  readonly seconds: number;
  readonly trainable: number;
  readonly trainLoss: number;
  readonly heldOut: HeldOutFigures | null;
}

/** Share of the pairs of which the accuracy is taken, by prompt; the same pairs for every part of one seed. */
const heldOutShare = 0.1;

/** Trains a part into its folder, going on where a former run was stopped. */
export function trainPart(options: TrainPartOptions): Promise<PartFigures> {
  const { kind } = options.spec;
  return kind === "heads" ? trainHeads(options) : tuneModel(options, peerRecipes[kind]);
}

type HeadsSettings = Partial<TrainingSettings> & {
  readonly head?: Partial<HeadConfig>;
  readonly gate?: Partial<GateConfig>;
};

/** Head and gate of a part of kind "heads", the defaults where it says nothing. */
export function headsShape({ settings }: PartSpec, hiddenSize: number): { head: HeadConfig; gate: GateConfig } {
  const { head, gate } = settings as HeadsSettings;
  return {
    head: (head?.kind ?? defaultHead.kind) === defaultHead.kind ? { ...defaultHead, ...head } : head,
    gate: gate?.kind === "constant" ? gate : { ...defaultGate(hiddenSize), ...gate },
  } as { head: HeadConfig; gate: GateConfig };
}

async function trainHeads(options: TrainPartOptions): Promise<PartFigures> {
  const { spec, pairs, opened, device, folder, seed, io } = options;
  const { head: _, gate: __, ...settings } = spec.settings as HeadsSettings;
  const run = train({
    device,
    backbone: opened.llama.backbone,
    params: opened.llama.params,
    backboneSha256: opened.llama.sha256,
    backboneDtype: opened.llama.dtype,
    tokenizer: opened.tokenizer,
    pairs,
    folder,
    ...headsShape(spec, opened.llama.config.hiddenSize),
    settings: { seed, heldOut: heldOutShare, ...settings },
    resume: true,
    signal: io.signal,
  });
  for await (const event of responsive(run)) {
    showStep(options, event);
    if (event.kind !== "end") continue;
    const { steps, seconds, trainable, trainLoss, heldOut } = event.summary;
    return { steps, seconds, trainable: trainable.head + trainable.gate, trainLoss, heldOut };
  }
  throw new Error(`Cannot sum up the training of ${spec.kind}: it ended without figures`);
}

async function tuneModel(options: TrainPartOptions, recipe: TrainingRecipe): Promise<PartFigures> {
  const { spec, opened, device, seed } = options;
  const { config, params, generation } = opened.llama;
  const model = { device, config, params, generation, name: opened.path };
  const lora = loraOf(spec, recipe);
  if (lora !== null) {
    using tuning = tuneLora(model, lora, seed);
    return await tuneInto(options, recipe, "lora", tuning);
  }
  if (recipe.trains === "scored") {
    // Read before the end token, where methods that score unfinished texts read it too.
    using tuning = tuneScored(model, { padTokenId: opened.tokenizer.eosTokens[0] ?? null, seed });
    return await tuneInto(options, recipe, "scored", tuning);
  }
  using tuning = tuneWhole(model);
  return await tuneInto(options, recipe, "whole", tuning);
}

/** Whether changes of low rank are trained of a part, instead of its matrices. */
export function isLowRank(spec: PartSpec): boolean {
  return spec.kind !== "heads" && loraOf(spec, peerRecipes[spec.kind]) !== null;
}

/**
 * The changes of low rank of a part, or null where matrices themselves are trained: `lora: 0` says so, another number the
 * rank. Their factor alpha/rank is 1: how far a step goes is the rate's matter, which is searched.
 */
function loraOf({ settings }: PartSpec, { lora, trains }: TrainingRecipe): LoraRecipe | null {
  const rank = settings.lora ?? (trains === "lora" ? lora?.rank : 0);
  if (lora === null || typeof rank !== "number" || rank === 0) return null;
  return { ...lora, rank, alpha: rank };
}

async function tuneInto<Trained>(
  options: TrainPartOptions,
  recipe: TrainingRecipe,
  trains: TrainedPart,
  tuning: LlamaTuning<Trained>,
): Promise<PartFigures> {
  const { spec, pairs, opened, device, folder, seed, io } = options;
  const { llama, tokenizer } = opened;
  const { lora: _, ...given } = spec.settings;
  const isOption = (name: string) => Object.hasOwn(recipe.options, name);
  const own = Object.fromEntries(Object.entries(given).filter(([name]) => isOption(name))) as Record<string, number>;
  const rest = Object.fromEntries(Object.entries(given).filter(([name]) => !isOption(name)));
  const prepared = await prepareData(tokenizer, pairs, null, {
    maxTokens: llama.config.maxTokens,
    heldOut: heldOutShare,
    seed,
  });
  const run = tune({
    device,
    backbone: llama.backbone,
    trainable: tuning.trainable,
    objective: recipe.objective(own),
    modelSha256: llama.sha256,
    pairs: prepared.pairs,
    heldOut: prepared.heldOut,
    folder,
    settings: { ...recipeSettings(recipe, llama.config.hiddenSize, trains), seed, ...(rest as Partial<TuneSettings>) },
    save: (trained) => tuning.save(folder, trained, {}),
    resume: true,
    signal: io.signal,
  });
  for await (const event of responsive(run)) {
    showStep(options, event);
    if (event.kind !== "end") continue;
    freeTree(event.trained);
    const { steps, seconds, trainable: trainedCount, trainLoss, heldOut } = event.summary;
    return { steps, seconds, trainable: trainedCount, trainLoss, heldOut };
  }
  throw new Error(`Cannot sum up the tuning of ${spec.kind}: it ended without figures`);
}

function showStep({ spec, onProgress }: TrainPartOptions, event: object): void {
  if (!("step" in event) || !("totalSteps" in event)) return;
  onProgress(`training ${spec.kind} on ${spec.backbone} for ${spec.reward}: step ${event.step} of ${event.totalSteps}`);
}

/** Loads a trained part. */
export async function loadPart(
  spec: PartSpec,
  folder: string,
  { llama, tokenizer }: OpenBackbone,
  device: Device,
): Promise<LoadedPart> {
  const name = `${spec.kind} for ${spec.reward}`;
  const { backbone, config, dtype } = llama;
  if (spec.kind === "heads") {
    const { hiddenSize, vocabSize } = config;
    const target = { backboneSha256: llama.sha256, tokenizerSha256: tokenizer.sha256, hiddenSize, vocabSize };
    const loaded = await loadHeads(folder, device, target, { dtype });
    return { kind: "heads", part: { name, loaded }, [Symbol.dispose]: () => loaded[Symbol.dispose]() };
  }
  if (isLowRank(spec)) {
    const deltas = await loadDeltas(folder, config, device);
    const params = attachDeltas(llama.params, deltas);
    return { kind: "model", part: { name, backbone, params }, [Symbol.dispose]: () => freeTree(deltas) };
  }
  if (spec.kind === "bradley-terry") {
    const model = await loadLlamaClassifier(folder, device, { dtype });
    return { kind: "score", part: { name, model }, [Symbol.dispose]: () => model[Symbol.dispose]() };
  }
  const model = await loadLlama(folder, device, { dtype });
  return {
    kind: "model",
    part: { name, backbone: model.backbone, params: model.params },
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}
