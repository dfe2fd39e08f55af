// adamw on the cpu device: the donated inputs are the outputs, so everything happens in place.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import { sizeOf } from "../../spec.ts";
import { type AdamwAttrs, biasCorrections } from "./op.ts";

/** The cpu kernel of adamw. */
export const cpu: (call: CpuCall<AdamwAttrs>) => void = (call) => {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = call.attrs;
  const { correction1, correction2 } = biasCorrections(call.attrs);
  const [w, m, v] = call.outputs.map(({ pointer }) => pointer) as [number, number, number];
  const factors = [
    learningRate,
    1 - learningRate * weightDecay,
    beta1,
    1 - beta1,
    beta2,
    1 - beta2,
    epsilon,
    correction1,
    correction2,
  ];
  const args = [w, m, v, call.inputs[3]!.pointer, call.inputs[4]!.pointer, ...factors];
  call.parallel("adamwLines", args, Math.ceil(sizeOf(call.outputs[0]!.shape) / 16), chunkFor(64));
};
