// The one way ops run: infer, run on the device, record on the tapes that watch; knows no op by name.
import { tapesWatching } from "./autodiff/tape.ts";
import { internalsOf } from "./device.ts";
import { DeviceError, ShapeError } from "./errors.ts";
import type { OpDefinition } from "./ops/op.ts";
import { byteLengthOf, type TensorSpec } from "./spec.ts";
import { handleOf, type Storage, type Tensor, type TensorHandle } from "./tensor.ts";

/** Applies an op to tensors of one device and returns its outputs. Throws ShapeError where they do not fit. */
export function apply<Attrs>(op: OpDefinition<Attrs>, inputs: readonly Tensor[], attrs: Attrs): readonly Tensor[] {
  const handles = inputs.map(handleOf);
  const device = handles[0]?.device;
  if (device === undefined)
    throw new ShapeError({ op: op.name, label: "the number of inputs", expected: "at least 1", actual: 0 });
  for (const handle of handles) {
    if (handle.device !== device) {
      throw new DeviceError(
        device.name,
        `Cannot apply ${op.name}: its inputs live on two devices, ${device.name} and ${handle.device.name}; copy one over`,
      );
    }
  }
  const internals = internalsOf(device);
  const outputs: TensorHandle[] = [];
  try {
    for (const [index, spec] of op.infer(inputs, attrs).entries()) {
      outputs.push(internals.create(spec, sharedStorage(op, handles, index, spec)));
    }
    if (op.view !== true) internals.run(op, handles, outputs, attrs);
  } catch (error) {
    // The inputs are as they were, donated ones included.
    for (const output of outputs) output.dispose();
    throw error;
  }
  for (const tape of tapesWatching(handles)) tape.record(op as OpDefinition<unknown>, handles, outputs, attrs);
  for (const [index, donor] of (op.donates ?? []).entries()) {
    const donated = handles[donor]!;
    const owner = donated.scope;
    donated.dispose();
    const output = outputs[index]!;
    output.scope?.delete(output);
    output.scope = owner;
    owner?.add(output);
  }
  return outputs;
}

/** The memory output `index` takes over from an input, undefined where it has its own. */
function sharedStorage<Attrs>(
  op: OpDefinition<Attrs>,
  handles: readonly TensorHandle[],
  index: number,
  spec: TensorSpec,
): Storage | undefined {
  const donor = op.donates?.[index];
  const source = op.view === true ? handles[0]! : donor === undefined ? undefined : handles[donor]!;
  if (source === undefined) return undefined;
  if (donor !== undefined && (source.storage.holders > 1 || handles.indexOf(source) !== handles.lastIndexOf(source))) {
    throw new DeviceError(
      source.device.name,
      `Cannot apply ${op.name}: input ${donor} is donated but another tensor shares its memory; dispose that one first`,
    );
  }
  if (byteLengthOf(spec) !== source.storage.byteLength) {
    throw new ShapeError({ op: op.name, label: "the size of a view", expected: source.shape, actual: spec.shape });
  }
  return source.storage.retain();
}
