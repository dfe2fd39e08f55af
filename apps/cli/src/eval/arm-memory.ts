// What an open arm takes of memory beside its backbones, by its method's parts and caches. Knows no method, opens nothing.
import { createGate } from "@dual-head/gating";
import { createHead } from "@dual-head/heads";
import { rowCount } from "../context.ts";
import type { Preflight } from "../preflight.ts";
import type { Arm, PartSpec } from "./arm.ts";
import type { EvalConfig } from "./config.ts";
import { cachesOf, partsOf } from "./methods/methods.ts";
import { headsShape, isLowRank } from "./methods/train-part.ts";
import type { Setting } from "./settings/setting.ts";
import type { SuitePreview } from "./suites/context.ts";

/** Bytes of a model's weights as the configuration holds them. */
export function weightBytesOf({ needs }: Preflight, dtype: EvalConfig["dtype"]): number {
  return needs.find((need) => need.dtype === dtype)?.weightBytes ?? 0;
}

/** Numbers that a low-rank part has, of those of its model: about a hundredth. */
export function trainedCount(spec: PartSpec, { model }: Preflight): number {
  return isLowRank(spec) ? model.parameters / 100 : model.parameters;
}

/** Numbers of a part's reward head and its gate. */
export function headsCount(spec: PartSpec, { model: { hiddenSize, vocabSize } }: Preflight): number {
  const { head, gate } = headsShape(spec, hiddenSize);
  return createHead(head).parameterCount(hiddenSize, vocabSize) + createGate(gate).parameterCount;
}

/** Bytes of keys and values of sequences of `capacity` tokens. */
export function cacheBytes({ keyBytesPerToken, model }: Preflight, slotCount: number, capacity: number): number {
  return slotCount * rowCount(model, capacity) * keyBytesPerToken;
}

/**
 * Bytes that an arm adds while it is open, its trained parts and all caches, which are allocated at once.
 *
 * @param models by role; what is not there counts nothing
 */
export function armBytes(
  arm: Arm,
  models: ReadonlyMap<string, Preflight>,
  dtype: EvalConfig["dtype"],
  slotCount: number,
): number {
  const own = models.get(arm.backbone);
  if (own === undefined) return 0;
  const { maxTokens } = own.model;
  let bytes = 0;
  for (const spec of partsOf(arm)) {
    const found = models.get(spec.backbone);
    if (found === undefined) continue;
    const weights = weightBytesOf(found, dtype);
    if (spec.kind === "heads") {
      // Large matrices are held as the model's are, which most of the numbers are in.
      const head = (weights / found.model.parameters) * headsCount(spec, found);
      bytes += head + slotCount * maxTokens * found.historyBytesPerToken;
    } else bytes += isLowRank(spec) ? 4 * trainedCount(spec, found) : weights;
  }
  for (const { backbone, slotCount: slots } of cachesOf(arm, slotCount)) {
    const found = models.get(backbone);
    if (found !== undefined) bytes += cacheBytes(found, slots, maxTokens);
  }
  return bytes;
}

/** The most that a suite has open beside backbones and scorers: all its arms at once, or the largest of them. */
export function openBytes(
  { opensTogether = false, arms }: SuitePreview,
  config: EvalConfig,
  setting: Setting,
  models: ReadonlyMap<string, Preflight>,
): { readonly bytes: number; readonly opened: string } {
  const slotCount = opensTogether ? 1 : config.concurrency;
  const all = arms(config, setting).map((arm) => ({
    opened: arm.name,
    bytes: armBytes(arm, models, config.dtype, slotCount),
  }));
  if (opensTogether) {
    return { bytes: all.reduce((sum, { bytes }) => sum + bytes, 0), opened: `all ${all.length} arms together` };
  }
  return all.reduce((a, b) => (b.bytes > a.bytes ? b : a), { bytes: 0, opened: "no arm" });
}
