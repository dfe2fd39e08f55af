// Weights to a device, one at a time: room is checked before anything is read, progress is told, and what was uploaded
// is freed where it stops. Knows no file: a weight says how it is read.

import { byteLengthOf, type Device, DeviceError, type Tensor } from "@dual-head/tensor-core";
import type { ConfigOptions } from "./config-keys.ts";
import { matrixDtype, type WeightDtype, weightDtypes } from "./weight-dtype.ts";

/** One weight of a model. */
export interface UploadedWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether it may be packed where it is a matrix; default true. */
  readonly packs?: boolean | undefined;
  /** Its values in row-major order; valid until another weight is read. */
  read(as: "f32" | "f64"): Promise<Float32Array | Float64Array>;
}

/** One step of loading: a tensor is on the device. */
export interface LoadProgress {
  readonly tensor: string;
  /** Bytes on the device so far, and in the end. */
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** Seconds that the rest takes at the pace so far; 0 with the last tensor. */
  readonly secondsLeft: number;
}

/** Options of loading a model. */
export interface LoadOptions extends ConfigOptions {
  /** How matrices are held on the device, default "f32"; norms and biases are always floats. */
  readonly dtype?: WeightDtype | undefined;
  /** Stops between two tensors and within long reads; what was uploaded is freed, and the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/**
 * Uploads weights in their order; the caller disposes them.
 *
 * @param path where they come from, for messages
 * @throws DeviceError where the weights are more than the device can hold, before any is read
 */
export async function uploadWeights(
  path: string,
  weights: readonly UploadedWeight[],
  device: Device,
  { dtype = "f32", signal, onProgress }: LoadOptions = {},
): Promise<readonly Tensor[]> {
  const totalBytes = bytesOf(weights, device, dtype);
  checkRoom(path, weights, device, dtype);
  const tensors: Tensor[] = [];
  const begun = performance.now();
  let loadedBytes = 0;
  try {
    for (const weight of weights) {
      signal?.throwIfAborted();
      const values = await weight.read(device.floatDtype);
      const tensor = device.keep(device.tensor(values, weight.shape, dtypeOf(weight, device, dtype)));
      tensors.push(tensor);
      loadedBytes += byteLengthOf(tensor);
      const secondsLeft = ((performance.now() - begun) / 1000) * (totalBytes / loadedBytes - 1);
      onProgress?.({ tensor: weight.name, loadedBytes, totalBytes, secondsLeft });
    }
    return tensors;
  } catch (error) {
    for (const tensor of tensors) tensor.dispose();
    throw error;
  }
}

/**
 * Uploads weights in the order in which they lie, so that files are read through once; gives them in the order given.
 * Those at one position stay together.
 *
 * @param positions where each weight lies
 * @throws DeviceError as uploadWeights does
 */
export async function uploadInPlaceOrder(
  path: string,
  weights: readonly UploadedWeight[],
  positions: readonly number[],
  device: Device,
  options: LoadOptions = {},
): Promise<readonly Tensor[]> {
  const order = [...weights.keys()].sort((a, b) => positions[a]! - positions[b]!);
  const inOrder = order.map((index) => weights[index]!);
  const uploaded = await uploadWeights(path, inOrder, device, options);
  const tensors = new Array<Tensor>(weights.length);
  for (const [at, index] of order.entries()) tensors[index] = uploaded[at]!;
  return tensors;
}

function dtypeOf({ shape, packs = true }: UploadedWeight, device: Device, dtype: WeightDtype): Tensor["dtype"] {
  return matrixDtype(device, packs ? dtype : "f32", shape);
}

function bytesOf(weights: readonly UploadedWeight[], device: Device, dtype: WeightDtype): number {
  return weights.reduce(
    (sum, weight) => sum + byteLengthOf({ shape: weight.shape, dtype: dtypeOf(weight, device, dtype) }),
    0,
  );
}

/** Throws before anything is read where the weights are more than the device can still hold. */
function checkRoom(path: string, weights: readonly UploadedWeight[], device: Device, dtype: WeightDtype): void {
  const { maximumBytes } = device.info.limits;
  if (maximumBytes === undefined) return;
  const room = maximumBytes - device.stats.bytes;
  const wanted = bytesOf(weights, device, dtype);
  if (wanted <= room) return;
  const fitting = weightDtypes.filter((other) => bytesOf(weights, device, other) <= room);
  const remedy = fitting.length > 0 ? `load it as ${fitting.join(", ")}` : "use a smaller model or another device";
  throw new DeviceError(
    device.name,
    `Cannot load ${path} as ${dtype}: its weights take ${wanted} bytes and the ${device.name} device has room for ${room} of ${maximumBytes}; ${remedy}`,
  );
}
