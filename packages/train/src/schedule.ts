// The learning rate of each step, and the order of the data; pure functions of step, seed and epoch.
import { createRandom } from "@dual-head/tensor-core";

/** Options of `cosineRate`. */
export interface CosineRateOptions {
  readonly learningRate: number;
  readonly stepCount: number;
  readonly warmupStepCount: number;
}

/**
 * The rate of optimiser step `step` (from 1): a straight climb over the warm-up, then half a cosine towards 0.
 *
 * The first step has a rate above 0, and so has the last: no step is wasted.
 */
export function cosineRate(step: number, { learningRate, stepCount, warmupStepCount }: CosineRateOptions): number {
  if (step <= warmupStepCount) return (learningRate * step) / warmupStepCount;
  const progress = (step - 1 - warmupStepCount) / Math.max(1, stepCount - warmupStepCount);
  return learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** The order of `count` examples in an epoch; it depends on seed and epoch alone, so that a resumed run goes on alike. */
export function epochOrder(count: number, seed: number, epoch: number, label: string): Uint32Array {
  return createRandom(seed, `${label} ${epoch}`).permutation(count);
}

/** Indices `start` to `start + length` of an endless reading of `count` examples, a new order each time through. */
export function endlessOrder(count: number, seed: number, label: string, start: number, length: number): number[] {
  const orders = new Map<number, Uint32Array>();
  return Array.from({ length }, (_, offset) => {
    const epoch = Math.floor((start + offset) / count);
    const order = orders.get(epoch) ?? epochOrder(count, seed, epoch, label);
    orders.set(epoch, order);
    return order[(start + offset) % count]!;
  });
}
