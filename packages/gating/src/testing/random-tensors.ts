// Seeded tensors and gate parameters for tests; knows no law.
import { createRandom, type Device, type Tensor } from "@dual-head/tensor-core";
import type { Gate, GateParams } from "../gate.ts";

/** A tensor of standard normal numbers times `scale`, the same for the same seed on every device. */
export function randomTensor(device: Device, seed: number, shape: readonly number[], scale: number = 1): Tensor {
  const random = createRandom(seed, shape.join("x"));
  const size = shape.reduce((product, extent) => product * extent, 1);
  return device.tensor(
    Array.from({ length: size }, () => scale * Math.fround(random.normal())),
    shape,
  );
}

/** Parameters of a gate away from their start, where a weight of zero would hide mistakes. */
export function randomGateParams(device: Device, gate: Gate, seed: number): GateParams {
  const entries = Object.entries(gate.parameterShapes).map(([name, shape], index) => [
    name,
    randomTensor(device, seed + 31 * index, shape, 1 / Math.sqrt(shape.at(-1)!)),
  ]);
  return Object.fromEntries(entries) as GateParams;
}
