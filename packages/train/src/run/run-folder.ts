// The folder of a run and what a run starts from: refused where another run lies there, restored where it is this one.
// Knows no loss and no data.
import { createDirectory, findPathKind, memorySource, removePartialFiles, sha256 } from "@dual-head/bytes";
import type { Device, Tensor } from "@dual-head/tensor-core";
import { TrainingError } from "../errors.ts";
import { metricsFileName } from "../metrics.ts";
import { type AdamwConstants, createOptimiser, type Optimiser } from "../optimiser.ts";
import { hasState, loadState, type RunIdentity, stateFileName } from "../training-state.ts";

/** How a folder is opened. */
export interface RunFolderOptions {
  /** For messages: "train", "pretrain", "tune". */
  readonly verb: string;
  readonly resume: boolean;
  /** Files that the run leaves beside state and metrics, the first of which no other run may overwrite. */
  readonly outputs?: readonly string[] | undefined;
}

/**
 * Creates the folder of a run; whether it holds a state to go on from.
 *
 * @throws TrainingError where it holds a former run and this one is not to resume it
 * @throws FileError where it is not writable
 */
export async function openRunFolder(folder: string, options: RunFolderOptions): Promise<boolean> {
  const { verb, resume, outputs = [] } = options;
  const [output] = outputs;
  await createDirectory(folder);
  const resuming = await hasState(folder);
  const finished = output !== undefined && (await findPathKind(`${folder}/${output}`)) !== "missing";
  if (resuming ? !resume : finished) {
    const remedy = resuming ? "resume that run or choose another folder" : "choose another folder";
    throw new TrainingError(
      "output-exists",
      `Cannot ${verb} into ${folder}: it holds ${resuming ? stateFileName : output} of a former run; ${remedy}`,
    );
  }
  // What a killed run had half written.
  for (const name of [stateFileName, metricsFileName, ...outputs]) await removePartialFiles(`${folder}/${name}`);
  return resuming;
}

/** The identity of a run on a device, from everything that decides its numbers. */
export async function identityOf(device: Device, description: unknown): Promise<RunIdentity> {
  return {
    runSha256: await sha256(memorySource(new TextEncoder().encode(JSON.stringify(description)), "the run")),
    device: device.name,
    variant: device.info.variant,
  };
}

/** Where a run starts. */
export interface RunStart<Params> {
  readonly device: Device;
  /** The folder of the state to go on from, or null for a new run. */
  readonly stateFolder: string | null;
  readonly identity: RunIdentity;
  /** Shapes of the parameters by path. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly constants: AdamwConstants;
  /** Parameters of a new run, taken over. */
  fresh(): Params;
  /** Parameters from the tensors of a state, taken over. */
  restore(tensors: Readonly<Record<string, Tensor>>): Params;
}

/**
 * The optimiser of a new run or of one gone on with, and the seconds it has taken so far.
 *
 * @throws as loadState does
 */
export async function openOptimiser<Params>(
  start: RunStart<Params>,
): Promise<{ readonly optimiser: Optimiser<Params>; readonly formerSeconds: number }> {
  const { device, stateFolder, identity, shapes, constants } = start;
  if (stateFolder === null) {
    return { optimiser: createOptimiser(device, start.fresh(), constants), formerSeconds: 0 };
  }
  const { step, seconds, parameters, moments } = await loadState(stateFolder, device, identity, shapes);
  const restored = { stepCount: step, moments };
  return { optimiser: createOptimiser(device, start.restore(parameters), constants, restored), formerSeconds: seconds };
}
