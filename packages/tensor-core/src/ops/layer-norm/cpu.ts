// layerNorm and its gradient on the cpu device.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import type { LayerNormAttrs } from "./op.ts";

/** The cpu kernel of layerNorm. */
export const cpuLayerNorm: (call: CpuCall<LayerNormAttrs>) => void = (call) => {
  const [x, weight, bias, y] = [call.inputs[0]!, call.inputs[1]!, call.inputs[2]!, call.outputs[0]!];
  const [rowCount, width] = x.shape as [number, number];
  const args = [x.pointer, weight.pointer, bias.pointer, y.pointer, width, call.attrs.epsilon];
  call.parallel("layerNormRows", args, rowCount, chunkFor(3 * width));
};

/** The cpu kernel of layerNormGrad: rows own dx, columns own dweight. */
export const cpuLayerNormGrad: (call: CpuCall<LayerNormAttrs>) => void = (call) => {
  const [x, weight, g] = [call.inputs[0]!, call.inputs[1]!, call.inputs[2]!];
  const [dx, dweight] = [call.outputs[0]!, call.outputs[1]!];
  const [rowCount, width] = x.shape as [number, number];
  const moments = call.scratch(8 * rowCount);
  const rowArgs = [x.pointer, weight.pointer, g.pointer, dx.pointer, moments, width, call.attrs.epsilon];
  call.parallel("layerNormGradRows", rowArgs, rowCount, chunkFor(6 * width));
  const columnArgs = [x.pointer, g.pointer, moments, dweight.pointer, width, rowCount];
  call.parallel("layerNormGradWeight", columnArgs, Math.ceil(width / 4), chunkFor(4 * rowCount));
};
