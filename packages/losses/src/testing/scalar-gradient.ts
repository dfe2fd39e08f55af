// Compares a scalar function of one vector, and its gradient, with a reference in plain numbers; knows no loss.
import { type Device, type Tensor, valueAndGrad } from "@dual-head/tensor-core";

/** A scalar loss of a vector, on tensors. */
export type ScalarLoss = (values: Tensor) => Tensor;

/**
 * Throws unless `loss` has the value of `reference` at `values`, and the gradient its central differences show.
 *
 * @param tolerance relative to 1 + magnitude
 */
export async function checkScalarGradient(
  device: Device,
  loss: ScalarLoss,
  reference: (values: readonly number[]) => number,
  values: readonly number[],
  tolerance: number,
): Promise<void> {
  const differentiated = valueAndGrad(loss)(device.tensor(values, [values.length]));
  const [value] = await differentiated.value.read();
  const grad = await differentiated.grad.read();
  const check = (label: string, actual: number, expected: number) => {
    if (!(Math.abs(actual - expected) <= tolerance * (1 + Math.abs(expected)))) {
      throw new Error(`${label} is ${actual} but the reference gives ${expected}`);
    }
  };
  check("the loss", value!, reference(values));
  const step = 1e-5;
  for (const [index, actual] of grad.entries()) {
    const moved = (by: number) => reference(values.map((entry, at) => (at === index ? entry + by : entry)));
    check(`the gradient of entry ${index}`, actual, (moved(step) - moved(-step)) / (2 * step));
  }
}
