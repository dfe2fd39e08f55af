// Rows of a packed matrix as floats: embedding lookup in packed weights, and the way back from any of them.
import { apply } from "../../dispatch.ts";
import { DeviceError, ShapeError } from "../../errors.ts";
import { type FloatDtype, isPacked } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { checkIndices, checkInputCount, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";

/** Attributes of `unpackRows`: what to unpack to. */
export interface UnpackRowsAttrs {
  readonly dtype: FloatDtype;
}

/** Y[N, D] = X[index[N], D] for packed X. */
export const unpackRowsOp: OpDefinition<UnpackRowsAttrs> = defineOp({
  name: "unpackRows",
  infer(inputs, { dtype }) {
    checkInputCount("unpackRows", inputs, 2);
    checkShape("unpackRows", "x", inputs[0]!, [-1, -1]);
    if (!isPacked(inputs[0]!.dtype)) {
      throw new ShapeError({ op: "unpackRows", label: "the dtype of x", expected: "packed", actual: inputs[0]!.dtype });
    }
    checkIndices("unpackRows", "index", inputs[1]!, [-1]);
    return [{ shape: [inputs[1]!.shape[0]!, inputs[0]!.shape[1]!], dtype }];
  },
  reference({ inputs, outputs }) {
    const width = inputs[0]!.shape[1]!;
    const x = inputs[0]!.data;
    for (const [row, from] of inputs[1]!.data.entries()) {
      outputs[0]!.data.set(x.subarray(from * width, (from + 1) * width), row * width);
    }
  },
  cpu,
  wgsl() {
    throw new DeviceError("webgpu", "Cannot unpack rows on webgpu: it holds no packed tensors");
  },
  vjp: "nondifferentiable",
});

/** Rows `index` [N] (u32) of a packed `x` [R, D] in the device's float dtype, [N, D]. */
export function unpackRows(x: Tensor, index: Tensor): Tensor {
  return apply(unpackRowsOp, [x, index], { dtype: x.device.floatDtype })[0]!;
}

/** A packed matrix as floats; any other tensor is returned as it is. */
export function unpack(x: Tensor): Tensor {
  if (!isPacked(x.dtype)) return x;
  const rowCount = x.shape[0]!;
  return x.device.scope(() => {
    const all = Uint32Array.from({ length: rowCount }, (_, row) => row);
    return unpackRows(x, x.device.tensor(all, [rowCount]));
  });
}
