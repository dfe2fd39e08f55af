// From gated rows and the controls of each row to logits, nats and α. Rows whose controls switch every head off take
// the language model's own path. Knows no cache and no sequence.
import {
  createControls,
  effectiveAlpha,
  type MixingCoefficients,
  type MixingMode,
  mixedLogits,
  mixedNats,
  mixedTopK,
  mixingCoefficients,
  type RowControls,
} from "@dual-head/gating";
import { ofFeatures } from "@dual-head/heads";
import {
  type Device,
  linearCrossEntropy,
  type Projection,
  project,
  projectionTerms,
  projectTopK,
  type Tensor,
  type TopKResult,
} from "@dual-head/tensor-core";
import type { GatedRows } from "./last-rows.ts";

/** Controls of one sequence with nothing left out. */
export type ResolvedControls = Required<RowControls>;

/** Mixes heads for rows with controls of their own; one entry of `controls` a row. */
export interface Mixer {
  /** Logits [N, V]; `coefficients` are computed where they are not given. */
  logits(rows: GatedRows, controls: readonly ResolvedControls[], coefficients?: MixingCoefficients | null): Tensor;
  /** The `count` largest of these logits, which are in no tensor where one projection gives them. */
  top(
    rows: GatedRows,
    controls: readonly ResolvedControls[],
    coefficients: MixingCoefficients | null,
    count: number,
  ): TopKResult;
  /** What the logits of these rows will be mixed by, and Σ wᵢαᵢ [N]; both null without heads. */
  mixing(
    rows: GatedRows,
    controls: readonly ResolvedControls[],
  ): { coefficients: MixingCoefficients | null; alpha: Tensor | null };
  /** Nats of targets (u32 [N]), [N], without logits in memory. */
  nats(rows: GatedRows, controls: readonly ResolvedControls[], targets: Tensor): Tensor;
  /** Whether logits of rows with these controls are the language model's own, so that they take another path. */
  isBase(controls: readonly ResolvedControls[]): boolean;
  /** Σ wᵢαᵢ, [N]; null without heads. */
  alpha(rows: GatedRows, controls: readonly ResolvedControls[]): Tensor | null;
}

/** Creates the mixer of a mode over the language model's head and reward heads. */
export function createMixer(device: Device, mode: MixingMode, lm: Projection, heads: readonly Projection[]): Mixer {
  const mixingOf = (rows: GatedRows, controls: readonly ResolvedControls[]) => {
    const tensors = createControls(device, mode, heads.length, controls);
    const coefficients = mixingCoefficients(mode, rows.gateLogits, tensors);
    return { coefficients, alpha: () => effectiveAlpha(coefficients, tensors) };
  };
  const coefficientsOf = (rows: GatedRows, controls: readonly ResolvedControls[]) =>
    mixingOf(rows, controls).coefficients;
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
    top: (rows, controls, coefficients, count) =>
      device.scope(() =>
        isBase(controls)
          ? projectTopK(baseTerms(rows.hidden), count)
          : mixedTopK(mode, rows.hidden, lm, headsAt(rows), coefficients ?? coefficientsOf(rows, controls), count),
      ),
    mixing: (rows, controls) =>
      device.scope(() => {
        if (heads.length === 0) return { coefficients: null, alpha: null };
        const { coefficients, alpha } = mixingOf(rows, controls);
        return { coefficients, alpha: alpha() };
      }),
    nats: (rows, controls, targets) =>
      device.scope(() =>
        isBase(controls)
          ? linearCrossEntropy(baseTerms(rows.hidden), targets)
          : mixedNats(mode, rows.hidden, lm, headsAt(rows), coefficientsOf(rows, controls), targets),
      ),
    alpha: (rows, controls) => (heads.length === 0 ? null : device.scope(() => mixingOf(rows, controls).alpha())),
    isBase,
  };
}

/** Whether α is 0 whatever the gates say: the row is the base model's. */
function isOff({ strength, alphaMin, alphaMax }: ResolvedControls): boolean {
  return alphaMax === 0 || (strength === 0 && alphaMin === 0);
}
