// The oracle device: every op's own plain loops over typed arrays, float64 by default; slow on purpose.

import { packMatrix, unpackMatrix } from "../formats/packing.ts";
import type { OpDefinition } from "../ops/op.ts";
import { createArray, type Dtype, isPacked, type NumericArray } from "../spec.ts";
import type { Backend, Operand } from "./backend.ts";

/** Creates the reference backend; buffers are plain ArrayBuffers. */
export function createReferenceBackend(): Backend<ArrayBuffer> {
  const view = (operand: Operand<ArrayBuffer>) => ({
    shape: operand.shape,
    dtype: operand.dtype,
    data: valuesOf(operand),
  });
  return {
    name: "reference",
    info: {
      description: "plain loops, float64",
      variant: "reference",
      passedOver: [],
      threads: 1,
      features: ["f64", "packed weights"],
      limits: {},
    },
    floatDtype: "f64",
    allocate: (byteLength) => new ArrayBuffer(byteLength),
    free: () => {},
    write: (buffer, values) =>
      new Uint8Array(buffer).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    writePacked: (buffer, dtype, values, rows, columns) =>
      new Uint32Array(buffer).set(packMatrix(dtype, values, rows, columns)),
    read: async (buffer, dtype, length) => {
      const copy = createArray(dtype, length);
      copy.set(viewOf(buffer, dtype).subarray(0, length));
      return copy;
    },
    run<Attrs>(
      op: OpDefinition<Attrs>,
      inputs: readonly Operand<ArrayBuffer>[],
      outputs: readonly Operand<ArrayBuffer>[],
      attrs: Attrs,
    ) {
      op.reference({ inputs: inputs.map(view), outputs: outputs.map(view), attrs });
    },
    dispose: () => {},
  };
}

const unpacked = new WeakMap<ArrayBuffer, Float32Array>();

/** The operand's memory, or what a packed one stands for; packed memory never changes, so that is computed once. */
function valuesOf({ buffer, dtype, shape }: Operand<ArrayBuffer>): NumericArray {
  if (!isPacked(dtype)) return viewOf(buffer, dtype);
  const known = unpacked.get(buffer);
  if (known !== undefined) return known;
  const values = unpackMatrix(dtype, new Uint32Array(buffer), shape[0]!, shape[1]!);
  unpacked.set(buffer, values);
  return values;
}

function viewOf(buffer: ArrayBuffer, dtype: Dtype): NumericArray {
  if (dtype === "f64") return new Float64Array(buffer);
  return dtype === "f32" ? new Float32Array(buffer) : new Uint32Array(buffer);
}
