// Reverse-mode differentiation of a scalar with respect to every leaf of its argument; knows no op by name.
import { type Device, internalsOf } from "../device.ts";
import { GradientError, ShapeError } from "../errors.ts";
import { add } from "../ops/binary/op.ts";
import { isFloat, sizeOf } from "../spec.ts";
import { handleOf, type Tensor, TensorHandle } from "../tensor.ts";
import { leavesOf, mapTree } from "../tree.ts";
import { releaseEntry, Tape, type TapeEntry } from "./tape.ts";

/** A scalar to differentiate, with whatever else the caller wants to see of the computation. */
export interface ValueAndAux<Aux> {
  readonly value: Tensor;
  readonly aux: Aux;
}

/** Value, auxiliary outputs and the gradient, a tree shaped like the parameters. */
export interface Differentiated<Params, Aux> extends ValueAndAux<Aux> {
  readonly grad: Params;
}

/**
 * Differentiates `f` with respect to every leaf of its argument: ∂f/∂leaf for each, zeros where f does not depend on it.
 * What `f` captures is constant. Throws GradientError for a leaf that is not a float tensor or a path through an op
 * without a gradient, ShapeError where f is not a scalar.
 */
export function valueAndGrad<Params>(
  f: (params: Params) => Tensor,
): (params: Params) => { value: Tensor; grad: Params } {
  const differentiate = valueAndGradAux((params: Params) => ({ value: f(params), aux: null }));
  return (params) => {
    const { value, grad } = differentiate(params);
    return { value, grad };
  };
}

/** As valueAndGrad, for functions that also return auxiliary tensors, which are not differentiated. */
export function valueAndGradAux<Params, Aux>(
  f: (params: Params) => ValueAndAux<Aux>,
): (params: Params) => Differentiated<Params, Aux> {
  return (params) => {
    const leaves = leavesOf<unknown>(params).map(({ path, leaf }) => {
      if (!(leaf instanceof TensorHandle) || !isFloat(leaf.dtype)) {
        throw new GradientError(
          `Cannot differentiate with respect to ${path || "the argument"}: it is not a float tensor; capture what is constant instead`,
        );
      }
      return leaf;
    });
    const device = leaves[0]?.device;
    if (device === undefined) throw new GradientError("Cannot differentiate: the parameters have no leaves");
    return device.scope(() => {
      const tape = new Tape();
      for (const leaf of leaves) tape.watch(leaf.valueId);
      try {
        const { value, aux } = tape.during(() => device.scope(() => f(params)));
        if (value.shape.length !== 0) {
          throw new ShapeError({ op: "valueAndGrad", label: "the value's shape", expected: [], actual: value.shape });
        }
        const wanted = new Set(leaves.map((leaf) => leaf.valueId));
        const gradients = backward(tape, handleOf(value), wanted);
        const grad = mapTree(params, (leaf) => {
          const handle = leaf as TensorHandle;
          const gradient = gradients.get(handle.valueId);
          return gradient ?? device.tensor(new Array<number>(sizeOf(handle.shape)).fill(0), handle.shape, handle.dtype);
        }) as Params;
        return { value, aux, grad };
      } finally {
        tape.release();
      }
    });
  };
}

/** Walks the tape backwards from `value`; gradients of `wanted` values survive, the others are freed as they are used. */
function backward(tape: Tape, value: TensorHandle, wanted: ReadonlySet<number>): Map<number, TensorHandle> {
  const device = value.device;
  const gradients = new Map<number, TensorHandle>();
  gradients.set(value.valueId, handleOf(device.keep(device.tensor([1], [], value.dtype))));
  try {
    for (let entry = tape.entries.at(-1); entry !== undefined; entry = tape.entries.at(-1)) {
      propagate(device, entry, gradients);
      for (const output of entry.outputs) {
        if (wanted.has(output.valueId)) continue;
        gradients.get(output.valueId)?.dispose();
        gradients.delete(output.valueId);
      }
      tape.entries.pop();
      releaseEntry(entry);
    }
  } finally {
    // Also after an error: the scope around frees them.
    for (const gradient of gradients.values()) internalsOf(device).adopt(gradient);
  }
  return gradients;
}

/** Adds what one call contributes to the gradients of its inputs. */
function propagate(device: Device, call: TapeEntry, gradients: Map<number, TensorHandle>): void {
  const gradOutputs = call.outputs.map((output) => gradients.get(output.valueId) ?? null);
  if (gradOutputs.every((gradient) => gradient === null)) return;
  const { vjp } = call.op;
  if (vjp === "nondifferentiable") {
    throw new GradientError(`Cannot differentiate through ${call.op.name}: it has no gradient`);
  }
  const contributions = device.scope(() => {
    const gradInputs = vjp(call, gradOutputs);
    const sums = new Map<number, Tensor>();
    for (const [index, input] of call.inputs.entries()) {
      const contribution = gradInputs[index] ?? null;
      if (contribution === null || !call.needs[index]) continue;
      const held = sums.get(input.valueId) ?? gradients.get(input.valueId);
      sums.set(input.valueId, held === undefined ? contribution : add(held, contribution));
    }
    return [...sums].map(([valueId, sum]) => ({ valueId, sum: handleOf(sum).share() }));
  });
  for (const { valueId, sum } of contributions) {
    gradients.get(valueId)?.dispose();
    gradients.set(valueId, sum);
  }
}
