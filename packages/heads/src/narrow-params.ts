// The start of heads that differ from the language-model head by a product of two narrow matrices; knows no map between them.
import { affine, createRandom, type Device, type Tensor } from "@dual-head/tensor-core";
import { extentsOf, type linearBase } from "./reward-head.ts";

/** Parameters of such a head: a [k, D], b [V or D, k], bias [V, 1]. */
export type NarrowParams = { readonly a: Tensor; readonly b: Tensor; readonly bias: Tensor | null };

/**
 * A from N(0, 1/D) and B at zero, so that the head starts as the language-model head and yet has a gradient; the bias is a
 * copy of the base's, or zero.
 *
 * @param shapes of the parameters; the bias is left out where there is none
 */
export function initialiseNarrow(
  device: Device,
  base: ReturnType<typeof linearBase>,
  shapes: Readonly<Record<string, readonly number[]>>,
  { seed, label }: { readonly seed: number; readonly label: string },
): NarrowParams {
  const { hiddenSize } = extentsOf(base);
  const random = createRandom(seed, label);
  const sizeOf = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);
  const zeros = (shape: readonly number[]) => device.tensor(new Float32Array(sizeOf(shape)), shape, device.floatDtype);
  const a = Float32Array.from({ length: sizeOf(shapes.a!) }, () => random.normal() / Math.sqrt(hiddenSize));
  return {
    a: device.tensor(a, shapes.a!, device.floatDtype),
    b: zeros(shapes.b!),
    bias: shapes.bias === undefined ? null : base.bias === null ? zeros(shapes.bias) : affine(base.bias, 1, 0),
  };
}
