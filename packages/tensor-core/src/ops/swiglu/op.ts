// The gated activation of LLaMA's feed-forward: silu(gate)·up.
import { apply } from "../../dispatch.ts";
import type { Tensor } from "../../tensor.ts";
import { multiply } from "../binary/op.ts";
import { checkFloats, checkInputCount, checkSameShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { unary } from "../unary/op.ts";
import { sigmoidValue, unaryTable } from "../unary/table.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** y = gate·σ(gate)·up. */
export const swigluOp: OpDefinition<Record<string, never>> = defineOp({
  name: "swiglu",
  infer(inputs) {
    checkInputCount("swiglu", inputs, 2);
    checkSameShape("swiglu", "up", inputs[1]!, inputs[0]!);
    return [{ shape: inputs[0]!.shape, dtype: checkFloats("swiglu", inputs) }];
  },
  reference({ inputs, outputs }) {
    const gate = inputs[0]!.data;
    const up = inputs[1]!.data;
    const y = outputs[0]!.data;
    for (let index = 0; index < y.length; index++) y[index] = gate[index]! * sigmoidValue(gate[index]!) * up[index]!;
  },
  cpu,
  wgsl,
  vjp: ({ inputs: [gate, up], needs }, [g]) => {
    const activated = unary("silu", gate!);
    return [
      needs[0] ? unaryTable.silu.gradient(gate!, activated, multiply(g!, up!)) : null,
      needs[1] ? multiply(g!, activated) : null,
    ];
  },
});

/** silu(gate)·up, element by element; both [N, F]. */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  return apply(swigluOp, [gate, up], {})[0]!;
}
