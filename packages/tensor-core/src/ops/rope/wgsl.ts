// rope on webgpu: one lane a pair, or two numbers that do not turn.
import { defineKernel, itemOfLane, laneGrid } from "../../backends/webgpu/kernel.ts";
import { input, output, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import type { RopeAttrs } from "./op.ts";

const kernel = defineKernel({
  label: "rope",
  buffers: { X: "read f32", Rotation: "read f32", Y: "write f32" },
  uniforms: { pairCount: "u32", pairsPerRow: "u32", pairsPerHead: "u32", half: "u32", sign: "f32" },
  body: `
  let pair = ${itemOfLane};
  if (pair >= params.pairCount) { return; }
  let row = pair / params.pairsPerRow;
  let inRow = pair % params.pairsPerRow;
  let k = inRow % params.pairsPerHead;
  let head = (row * params.pairsPerRow + inRow - k) * 2u;
  if (k >= params.half) {
    Y[head + 2u * k] = X[head + 2u * k];
    Y[head + 2u * k + 1u] = X[head + 2u * k + 1u];
    return;
  }
  let angle = row * 2u * params.half + k;
  let low = head + k;
  let cosine = Rotation[angle];
  let sine = params.sign * Rotation[angle + params.half];
  let a = X[low];
  let b = X[low + params.half];
  Y[low] = a * cosine - b * sine;
  Y[low + params.half] = b * cosine + a * sine;
`,
});

export function wgsl({ inputs, attrs, limits }: WgslCall<RopeAttrs>): WgslProgram {
  const [rowCount, width] = inputs[0]!.shape as [number, number];
  const pairsPerRow = width / 2;
  const pairCount = rowCount * pairsPerRow;
  const uniforms = {
    pairCount,
    pairsPerRow,
    pairsPerHead: attrs.headSize / 2,
    half: inputs[1]!.shape[1]! / 2,
    sign: attrs.inverse ? -1 : 1,
  };
  return { passes: [kernel({ X: input(0), Rotation: input(1), Y: output(0) }, uniforms, laneGrid(limits, pairCount))] };
}
