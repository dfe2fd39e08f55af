// The oracle device: every op's own plain loops over typed arrays, float64 by default; slow on purpose.
import type { OpDefinition } from "../ops/op.ts";
import { createArray, type Dtype, type NumericArray } from "../spec.ts";
import type { Backend, Operand } from "./backend.ts";

/** Creates the reference backend; buffers are plain ArrayBuffers. */
export function createReferenceBackend(): Backend<ArrayBuffer> {
  const view = (operand: Operand<ArrayBuffer>) => ({
    shape: operand.shape,
    dtype: operand.dtype,
    data: viewOf(operand.buffer, operand.dtype),
  });
  return {
    name: "reference",
    info: {
      description: "plain loops, float64",
      variant: "reference",
      threads: 1,
      features: ["f64"],
      limits: {},
    },
    floatDtype: "f64",
    allocate: (byteLength) => new ArrayBuffer(byteLength),
    free: () => {},
    write: (buffer, values) =>
      new Uint8Array(buffer).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
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

function viewOf(buffer: ArrayBuffer, dtype: Dtype): NumericArray {
  if (dtype === "f64") return new Float64Array(buffer);
  return dtype === "f32" ? new Float32Array(buffer) : new Uint32Array(buffer);
}
