// Trees of tensors to and from the tensors of a file, by path; knows no file.
import { type Checkpoint, checkTensor, type StoredTensor } from "@dual-head/checkpoint";
import { type Device, type Dtype, leavesOf, type Tensor } from "@dual-head/tensor-core";
import { TrainingError } from "./errors.ts";

/**
 * The leaves of a tree as tensors to be stored, named by prefix and path; F64 on the reference device, else F32.
 *
 * @throws TrainingError where a number is not finite: nothing good may be overwritten by it
 */
export async function storeTree(prefix: string, tree: unknown): Promise<Record<string, StoredTensor>> {
  const stored: Record<string, StoredTensor> = {};
  for (const { path, leaf } of leavesOf<Tensor>(tree)) {
    const values = await leaf.read();
    const strange = values.find((value) => !Number.isFinite(value));
    if (strange !== undefined) {
      throw new TrainingError(
        "not-finite",
        `Cannot save ${prefix}.${path}: it holds ${strange}; the last checkpoint is kept, lower the learning rate or check the data`,
      );
    }
    const dtype = values instanceof Float64Array ? "F64" : "F32";
    stored[`${prefix}.${path}`] = { dtype, shape: leaf.shape, data: values };
  }
  return stored;
}

/**
 * Reads tensors of the given shapes to a device, by name.
 *
 * @param dtypeOf how a tensor of a shape is held; the device's floats by default
 * @throws CheckpointError where one is missing or has another shape
 */
export async function loadTensors(
  checkpoint: Checkpoint,
  device: Device,
  prefix: string,
  shapes: Readonly<Record<string, readonly number[]>>,
  dtypeOf: (shape: readonly number[]) => Dtype = () => device.floatDtype,
): Promise<Record<string, Tensor>> {
  for (const [name, shape] of Object.entries(shapes)) checkTensor(checkpoint, `${prefix}.${name}`, shape);
  const tensors: Record<string, Tensor> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const path = `${prefix}.${name}`;
    const values =
      device.floatDtype === "f64" ? await checkpoint.read(path, "f64") : await checkpoint.read(path, "f32");
    tensors[name] = device.keep(device.tensor(values, shape, dtypeOf(shape)));
  }
  return tensors;
}
