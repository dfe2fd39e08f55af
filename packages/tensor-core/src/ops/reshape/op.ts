// The same values under another shape: nothing is copied and nothing runs.
import { apply } from "../../dispatch.ts";
import { ShapeError } from "../../errors.ts";
import { isPacked, sizeOf } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { defineOp, type OpDefinition } from "../op.ts";

/** Attributes of `reshape`. */
export interface ReshapeAttrs {
  readonly shape: readonly number[];
}

/** A view of input 0. */
export const reshapeOp: OpDefinition<ReshapeAttrs> = defineOp({
  name: "reshape",
  infer(inputs, { shape }) {
    const input = inputs[0]!;
    if (isPacked(input.dtype)) {
      throw new ShapeError({ op: "reshape", label: "the dtype", expected: "not packed", actual: input.dtype });
    }
    if (sizeOf(shape) !== sizeOf(input.shape)) {
      throw new ShapeError({
        op: "reshape",
        label: "the new shape",
        expected: `${sizeOf(input.shape)} elements`,
        actual: shape,
      });
    }
    return [{ shape, dtype: input.dtype }];
  },
  reference({ inputs, outputs }) {
    outputs[0]!.data.set(inputs[0]!.data);
  },
  wgsl: () => ({ passes: [] }),
  view: true,
  vjp: ({ inputs }, [g]) => [reshape(g!, inputs[0]!.shape)],
});

/** The same elements, row-major, under another shape of the same size. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return apply(reshapeOp, [x], { shape })[0]!;
}
