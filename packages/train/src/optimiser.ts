// AdamW over a tree of parameters, with clipping by the global norm; knows no loss and no files.
import {
  type AdamwState,
  adamw,
  add,
  type Device,
  leavesOf,
  replaceLeaves,
  sumTo,
  type Tensor,
  unary,
} from "@dual-head/tensor-core";

/** Constants of AdamW. */
export interface AdamwConstants {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decay of matrices; vectors (norms, biases) have none. */
  readonly weightDecay: number;
}

/** Parameters with their moments; it owns their memory, and parameters read from it are valid until the next step. */
export interface Optimiser<Params> extends Disposable {
  readonly params: Params;
  /** Steps taken so far. */
  readonly stepCount: number;
  /** State of each leaf by its path. */
  readonly states: ReadonlyMap<string, AdamwState>;
  /** One update with gradients (a tree like the parameters) scaled by `gradientScale`. */
  step(gradients: Params, gradientScale: number, learningRate: number): void;
  /** Ends the optimiser: its moments are freed, the parameters are the caller's. */
  release(): Params;
}

/**
 * Creates an optimiser that takes over `params`: they must share memory with nothing, since AdamW works in place.
 *
 * @param restored moments and the number of steps of a former run; by default zeros and 0
 */
export function createOptimiser<Params>(
  device: Device,
  params: Params,
  constants: AdamwConstants,
  restored?: { readonly stepCount: number; readonly moments: ReadonlyMap<string, Pick<AdamwState, "m" | "v">> },
): Optimiser<Params> {
  const states = new Map<string, AdamwState>();
  for (const { path, leaf } of leavesOf<Tensor>(params)) {
    const zeros = () => device.tensor(new Float32Array(leaf.shape.reduce((a, b) => a * b, 1)), leaf.shape, leaf.dtype);
    const { m, v } = restored?.moments.get(path) ?? { m: zeros(), v: zeros() };
    states.set(path, { parameter: device.keep(leaf), m: device.keep(m), v: device.keep(v) });
  }
  let current = params;
  let stepCount = restored?.stepCount ?? 0;
  return {
    get params() {
      return current;
    },
    get stepCount() {
      return stepCount;
    },
    states,
    step(gradients, gradientScale, learningRate) {
      stepCount++;
      device.scope(() => {
        const scale = device.tensor([gradientScale], []);
        for (const { path, leaf } of leavesOf<Tensor>(gradients)) {
          const weightDecay = leaf.shape.length > 1 ? constants.weightDecay : 0;
          const attrs = { ...constants, weightDecay, learningRate, step: stepCount };
          states.set(path, adamw(states.get(path)!, leaf, scale, attrs));
        }
      });
      current = replaceLeaves(params, new Map([...states].map(([path, { parameter }]) => [path, parameter])));
    },
    release() {
      for (const { m, v } of states.values()) for (const tensor of [m, v]) tensor.dispose();
      states.clear();
      return current;
    },
    [Symbol.dispose]() {
      for (const { parameter, m, v } of states.values()) for (const tensor of [parameter, m, v]) tensor.dispose();
    },
  };
}

/** Σ g² over all leaves, a scalar: the square of the global norm. */
export function squaredNorm(device: Device, gradients: unknown): Tensor {
  return device.scope(() =>
    leavesOf<Tensor>(gradients)
      .map(({ leaf }) => sumTo(unary("square", leaf), []))
      .reduce(add),
  );
}

/** Adds two trees of gradients leaf by leaf and frees both. */
export function addGradients<Params>(device: Device, held: Params, more: Params): Params {
  const others = new Map(leavesOf<Tensor>(more).map(({ path, leaf }) => [path, leaf]));
  const sums = new Map<string, Tensor>();
  device.scope(() => {
    for (const { path, leaf } of leavesOf<Tensor>(held)) sums.set(path, device.keep(add(leaf, others.get(path)!)));
  });
  freeTree(held);
  freeTree(more);
  return replaceLeaves(held, sums);
}

/** Disposes every tensor of a tree. */
export function freeTree(tree: unknown): void {
  for (const { leaf } of leavesOf<Tensor>(tree)) leaf.dispose();
}
