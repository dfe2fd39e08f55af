// How many tokens a sequence may hold and the bytes their caches take: one rule for commands that decode and for doctor.
// Knows no policy.
import os from "node:os";
import type { GateConfig } from "@dual-head/gating";
import type { HeadConfig } from "@dual-head/heads";
import type { Device } from "@dual-head/tensor-core";
import { formatBytes, UsageError } from "./io.ts";
import type { ModelDescription } from "./load-model.ts";

/** Tokens a conversation holds where nothing is said, if the model and the memory allow as many. */
export const defaultContext = 4096;

/** A default is not cut below this, however little room there is. */
const leastContext = 256;

/** Tokens that go through a model at once: with a window, rows beside it. */
export const chunkSize = 512;

/** What decides how much is cached. */
export type CachedModel = Pick<ModelDescription, "config" | "groupCount" | "headSize" | "window">;

/**
 * Bytes of the keys and values of one sequence.
 *
 * @param numberBytes of one float on the device
 */
export function keyBytes(model: CachedModel, tokenCount: number, numberBytes: number): number {
  const { config, groupCount, headSize } = model;
  return 2 * config.layerCount * groupCount * headSize * rowCount(model, tokenCount) * numberBytes;
}

/** Rows that a sequence of so many tokens has at once; a window keeps rows for a chunk beside it. */
export function rowCount({ window }: Pick<CachedModel, "window">, tokenCount: number): number {
  return window === null ? tokenCount : Math.min(tokenCount, window + chunkSize - 1);
}

/** The most bytes of prefixes kept beside the sequences. */
const prefixLimit = 256 * 2 ** 20;

/** Bytes of prefixes that are kept beside sequences of so many tokens: those of one whole sequence, as far as the limit. */
export function prefixBytes(model: CachedModel, tokenCount: number, numberBytes: number): number {
  const perRow = keyBytes(model, 1, numberBytes) + model.config.hiddenSize * numberBytes;
  return Math.min(prefixLimit, tokenCount * perRow);
}

/** All that keeping prefixes takes beside the keys of one sequence: its rows then hold hidden states too. */
export function prefixCacheBytes(model: CachedModel, tokenCount: number, numberBytes: number): number {
  const hidden = rowCount(model, tokenCount) * model.config.hiddenSize * numberBytes;
  return hidden + prefixBytes(model, tokenCount, numberBytes);
}

/** What a head and its gate remember of a sequence is decided by. */
export interface RememberingHead {
  readonly head: HeadConfig;
  readonly gate: GateConfig;
}

/** Bytes that the histories of gates and of heads take beside them. */
export function historyBytes(heads: readonly RememberingHead[], tokenCount: number, numberBytes: number): number {
  const perToken = heads.reduce(
    (sum, { head, gate }) =>
      sum +
      (gate.kind === "attention" ? gate.width + gate.headCount : 0) +
      (head.kind === "block" ? 2 * head.width : 0),
    0,
  );
  return perToken * tokenCount * numberBytes;
}

/**
 * Tokens that a sequence may hold: as many as are asked for; else 4096, no more than the model reads, and halved until
 * their caches take at most half of the room that the weights leave.
 *
 * @param bytesOf bytes of the caches of so many tokens
 * @throws UsageError where more are asked for than the model reads
 */
export function chooseContext(
  asked: number | undefined,
  maxTokens: number,
  bytesOf: (tokenCount: number) => number,
  roomBytes: number,
): number {
  if (asked !== undefined) return checkContext(asked, maxTokens);
  let context = Math.min(defaultContext, maxTokens);
  while (context > leastContext && bytesOf(context) > roomBytes / 2) context = Math.ceil(context / 2);
  return context;
}

/** @throws UsageError where more tokens are asked for than the model reads */
export function checkContext(asked: number, maxTokens: number): number {
  if (asked <= maxTokens) return asked;
  throw new UsageError(
    `Cannot hold ${asked} tokens: this model reads ${maxTokens}; give --context up to ${maxTokens}, or leave it out`,
  );
}

/** Bytes of memory that this process can still get. */
export function freeMemory(): number {
  return process.availableMemory?.() ?? os.freemem();
}

/** Bytes that a device can still hold. */
export function roomOn(device: Device): number {
  const { maximumBytes = Number.POSITIVE_INFINITY } = device.info.limits;
  return Math.min(freeMemory(), maximumBytes - device.stats.bytes);
}

/** @throws UsageError where caches of so many tokens are more than there is room for */
export function checkCaches(tokenCount: number, bytes: number, roomBytes: number): void {
  if (bytes <= roomBytes) return;
  throw new UsageError(
    `Cannot hold ${tokenCount} tokens: their caches take ${formatBytes(bytes)} and there is room for ${formatBytes(roomBytes)}; give a smaller --context, a shorter text or fewer new tokens, or free memory`,
  );
}
