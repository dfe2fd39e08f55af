// Log-probabilities of rows of logits.
import { apply } from "../../dispatch.ts";
import type { Tensor } from "../../tensor.ts";
import { multiply, subtract } from "../binary/op.ts";
import { sumTo } from "../broadcast/op.ts";
import { checkFloats, checkInputCount, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { unary } from "../unary/op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** y = z − logsumexp(z) per row. */
export const logSoftmaxOp: OpDefinition<Record<string, never>> = defineOp({
  name: "logSoftmax",
  infer(inputs) {
    checkInputCount("logSoftmax", inputs, 1);
    checkShape("logSoftmax", "logits", inputs[0]!, [-1, -1]);
    return [{ shape: inputs[0]!.shape, dtype: checkFloats("logSoftmax", inputs) }];
  },
  reference({ inputs, outputs }) {
    const z = inputs[0]!.data;
    const y = outputs[0]!.data;
    const [rowCount, width] = inputs[0]!.shape as [number, number];
    for (let row = 0; row < rowCount; row++) {
      let highest = -Infinity;
      for (let k = 0; k < width; k++) highest = Math.max(highest, z[row * width + k]!);
      let total = 0;
      for (let k = 0; k < width; k++) total += Math.exp(z[row * width + k]! - highest);
      const logNormaliser = highest + Math.log(total);
      for (let k = 0; k < width; k++) y[row * width + k] = z[row * width + k]! - logNormaliser;
    }
  },
  cpu,
  wgsl,
  vjp: ({ inputs, outputs }, [g]) => {
    const total = sumTo(g!, [inputs[0]!.shape[0]!, 1]);
    return [subtract(g!, multiply(unary("exp", outputs[0]!), total))];
  },
});

/** Log-probabilities in nats of each row of `logits` [N, V]. */
export function logSoftmax(logits: Tensor): Tensor {
  return apply(logSoftmaxOp, [logits], {})[0]!;
}
