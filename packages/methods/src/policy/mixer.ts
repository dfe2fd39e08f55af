// From gated rows and the controls of each row to logits, nats and α. Rows whose controls switch every head off take
// the language model's own path. Knows no cache and no sequence.
import {
  createControls,
  effectiveAlpha,
  type MixingCoefficients,
  type MixingControls,
  type MixingMode,
  mixedLogits,
  mixedNats,
  mixingCoefficients,
  type RowControls,
} from "@dual-head/gating";
import { ofFeatures } from "@dual-head/heads";
import {
  type Device,
  leavesOf,
  linearCrossEntropy,
  type Projection,
  project,
  projectionTerms,
  type Tensor,
} from "@dual-head/tensor-core";
import type { GatedRows } from "./last-rows.ts";

/** Controls of one sequence with nothing left out. */
export type ResolvedControls = Required<RowControls>;

/** Mixes heads for rows with controls of their own; one entry of `controls` a row. */
export interface Mixer extends Disposable {
  /** Logits [N, V]; `coefficients` are computed where they are not given. */
  logits(rows: GatedRows, controls: readonly ResolvedControls[], coefficients?: MixingCoefficients | null): Tensor;
  /** What the logits of these rows will be mixed by, and Σ wᵢαᵢ [N]; both null without heads. */
  mixing(
    rows: GatedRows,
    controls: readonly ResolvedControls[],
  ): { coefficients: MixingCoefficients | null; alpha: Tensor | null };
  /** Nats of targets (u32 [N]), [N], without logits in memory. */
  nats(rows: GatedRows, controls: readonly ResolvedControls[], targets: Tensor): Tensor;
  /** Σ wᵢαᵢ, [N]; null without heads. */
  alpha(rows: GatedRows, controls: readonly ResolvedControls[]): Tensor | null;
}

/** Creates the mixer of a mode over the language model's head and reward heads; the caller disposes it. */
export function createMixer(device: Device, mode: MixingMode, lm: Projection, heads: readonly Projection[]): Mixer {
  // Decoding sends the same sequences with the same controls step after step: their tensors are kept.
  let held: { readonly key: readonly ResolvedControls[]; readonly tensors: MixingControls } | null = null;
  const dispose = () => {
    for (const { leaf } of leavesOf<Tensor>(held?.tensors ?? null)) leaf.dispose();
    held = null;
  };
  const controlTensors = (controls: readonly ResolvedControls[]): MixingControls => {
    const known = held?.key.length === controls.length && controls.every((each, row) => each === held?.key[row]);
    if (held !== null && known) return held.tensors;
    dispose();
    const tensors = createControls(device, mode, heads.length, controls);
    for (const { leaf } of leavesOf<Tensor>(tensors)) device.keep(leaf);
    held = { key: [...controls], tensors };
    return tensors;
  };
  const coefficientsOf = (rows: GatedRows, controls: readonly ResolvedControls[]): MixingCoefficients =>
    mixingCoefficients(mode, rows.gateLogits, controlTensors(controls));
  const alphaOf = (coefficients: MixingCoefficients, controls: readonly ResolvedControls[]) =>
    effectiveAlpha(coefficients, controlTensors(controls));
  const isBase = (controls: readonly ResolvedControls[]) => heads.length === 0 || controls.every(isOff);
  const headsAt = ({ features }: GatedRows) => heads.map((head, index) => ofFeatures(head, features[index]!));
  const baseTerms = (hidden: Tensor) => projectionTerms(hidden, [{ projection: lm, coefficient: null }]);
  return {
    logits: (rows, controls, coefficients) =>
      device.scope(() =>
        isBase(controls)
          ? project(baseTerms(rows.hidden))
          : mixedLogits(mode, rows.hidden, lm, headsAt(rows), coefficients ?? coefficientsOf(rows, controls)),
      ),
    mixing: (rows, controls) =>
      device.scope(() => {
        if (heads.length === 0) return { coefficients: null, alpha: null };
        const coefficients = coefficientsOf(rows, controls);
        return { coefficients, alpha: alphaOf(coefficients, controls) };
      }),
    nats: (rows, controls, targets) =>
      device.scope(() =>
        isBase(controls)
          ? linearCrossEntropy(baseTerms(rows.hidden), targets)
          : mixedNats(mode, rows.hidden, lm, headsAt(rows), coefficientsOf(rows, controls), targets),
      ),
    alpha: (rows, controls) =>
      heads.length === 0 ? null : device.scope(() => alphaOf(coefficientsOf(rows, controls), controls)),
    [Symbol.dispose]: dispose,
  };
}

/** Whether α is 0 whatever the gates say: the row is the base model's. */
function isOff({ strength, alphaMin, alphaMax }: ResolvedControls): boolean {
  return alphaMax === 0 || (strength === 0 && alphaMin === 0);
}
