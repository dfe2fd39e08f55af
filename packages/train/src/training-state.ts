// Everything needed to go on with an interrupted run, in one file that is written whole or not at all.
import { findPathKind } from "@dual-head/bytes";
import { openCheckpoint, writeSafetensors } from "@dual-head/checkpoint";
import type { Device, Tensor } from "@dual-head/tensor-core";
import { TrainingError } from "./errors.ts";
import type { Optimiser } from "./optimiser.ts";
import { loadTensors, storeTree } from "./stored-tensors.ts";

/** The name of the file in the output folder. */
export const stateFileName = "training-state.safetensors";
const format = "dual-head training state";
const version = "1";

/** What a resumed run must share with the interrupted one. */
export interface RunIdentity {
  /** SHA-256 of settings, shapes, backbone, tokenizer and data. */
  readonly runSha256: string;
  readonly device: string;
  /** Name of the kernels: bits are promised per device and variant. */
  readonly variant: string;
}

/** A state read back. */
export interface TrainingState {
  readonly step: number;
  /** Seconds of training so far, for the summary. */
  readonly seconds: number;
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly moments: ReadonlyMap<string, { readonly m: Tensor; readonly v: Tensor }>;
}

/** Writes the state after `optimiser.stepCount` steps. */
export async function saveState(
  folder: string,
  optimiser: Optimiser<unknown>,
  identity: RunIdentity,
  seconds: number,
): Promise<void> {
  const entries = [...optimiser.states];
  const tree = (of: "parameter" | "m" | "v") => Object.fromEntries(entries.map(([path, state]) => [path, state[of]]));
  const tensors = {
    ...(await storeTree("parameter", tree("parameter"))),
    ...(await storeTree("m", tree("m"))),
    ...(await storeTree("v", tree("v"))),
  };
  const facts = { format, version, step: String(optimiser.stepCount), seconds: String(seconds), ...identity };
  await writeSafetensors(`${folder}/${stateFileName}`, tensors, facts);
}

/** Whether a folder holds the state of a run. */
export async function hasState(folder: string): Promise<boolean> {
  return (await findPathKind(`${folder}/${stateFileName}`)) !== "missing";
}

/**
 * Reads the state of a run.
 *
 * @param shapes shapes of the parameters by path
 * @throws TrainingError where the run, the device or the kernel variant is another
 * @throws CheckpointError, SafetensorsError or FileError where the file is damaged
 */
export async function loadState(
  folder: string,
  device: Device,
  identity: RunIdentity,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<TrainingState> {
  const path = `${folder}/${stateFileName}`;
  const checkpoint = await openCheckpoint(path);
  try {
    const { metadata } = checkpoint;
    const refuse = (what: string, held: string | undefined, now: string, remedy: string): never => {
      throw new TrainingError(
        "resume-mismatch",
        `Cannot resume ${path}: ${what} was ${held ?? "not recorded"} and is ${now} now; ${remedy}`,
      );
    };
    if (metadata.format !== format || metadata.version !== version) {
      const found = `"${metadata.format ?? "none"}" version ${metadata.version ?? "none"}`;
      throw new TrainingError(
        "state-file",
        `Cannot resume ${path}: its format is ${found} and must be "${format}" version ${version}; choose another folder`,
      );
    }
    if (metadata.device !== identity.device) {
      refuse("the device", metadata.device, identity.device, "resume on the same device");
    }
    if (metadata.variant !== identity.variant) {
      refuse("the kernel variant", metadata.variant, identity.variant, "open the device with the same variant");
    }
    if (metadata.runSha256 !== identity.runSha256) {
      const remedy = "resume with the same settings, data, model and tokenizer, or choose another folder";
      refuse("the hash of the run", metadata.runSha256?.slice(0, 12), identity.runSha256.slice(0, 12), remedy);
    }
    const [step, seconds] = [Number(metadata.step), Number(metadata.seconds)];
    if (!Number.isSafeInteger(step) || step < 1 || !(seconds >= 0)) {
      throw new TrainingError(
        "state-file",
        `Cannot resume ${path}: it records step ${metadata.step}, which is none; choose another folder`,
      );
    }
    const parameters = await loadTensors(checkpoint, device, "parameter", shapes);
    const m = await loadTensors(checkpoint, device, "m", shapes);
    const v = await loadTensors(checkpoint, device, "v", shapes);
    const moments = new Map(Object.keys(shapes).map((name) => [name, { m: m[name]!, v: v[name]! }]));
    return { step, seconds, parameters, moments };
  } finally {
    await checkpoint.close();
  }
}
