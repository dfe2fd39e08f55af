// What a caller may turn while decoding: strength, bounds of α and weights of heads, of each row on its own. Checked on
// the host, where the numbers are; knows no logits.
import type { Device, Tensor } from "@dual-head/tensor-core";
import { type Gate, GatingError } from "./gate.ts";

/**
 * How logits or probabilities of the heads are put together; w are weights of the heads, s the strength.
 *
 * - `convex` z = (1−Σwᵢαᵢ)·z_LM + Σ wᵢαᵢ·zᵢ, the paper's fusion of logits
 * - `klExact` z = z_LM + Σ wᵢ·s·e^{uᵢ}·zᵢ, exactly π_base·Π πᵢ^aᵢ with aᵢ = wᵢαᵢ/(1−αᵢ)
 * - `additive` z = z_LM + Σ wᵢαᵢ·zᵢ
 * - `mixture` log((1−Σwᵢαᵢ)·p + Σ wᵢαᵢ·qᵢ), the mixture of probabilities of E14 and E15
 *
 * The target policy (E1), π_base·exp(r/β)/Z over whole responses, is met token by token by `klExact` with
 * r/β = a·log π_r; since each token is normalised on its own, the product over tokens equals the target only for
 * responses of one token.
 */
export type MixingMode = "convex" | "klExact" | "additive" | "mixture";

/** The modes, in the order of their documentation. */
export const mixingModes: readonly MixingMode[] = ["convex", "klExact", "additive", "mixture"];

/** Controls of one row or one sequence. */
export interface RowControls {
  /** s ≥ 0: α = σ(u + ln s); 0 is exactly base, 1 the trained gate (default). */
  readonly strength?: number;
  /** Lower bound of α in [0, 1], default 0. Bounds act after the strength; equal bounds override α. */
  readonly alphaMin?: number;
  /** Upper bound of α in [0, 1], default 1. */
  readonly alphaMax?: number;
  /** One weight a head; on the simplex for `convex` and `mixture`. Default: equal weights of sum 1. */
  readonly weights?: readonly number[];
}

/** Controls of N rows on a device: each tensor [N], `weights` one tensor a head. */
export interface MixingControls {
  readonly strength: Tensor;
  readonly alphaMin: Tensor;
  readonly alphaMax: Tensor;
  readonly weights: readonly Tensor[];
}

// Weights typed by people, such as .333 thrice, sum to 1 only about.
const simplexTolerance = 1e-2;

/**
 * The controls with defaults filled in and weights of `convex` and `mixture` scaled to a sum of exactly about 1.
 *
 * @throws GatingError where strength, bounds or weights cannot be, or where `klExact` is asked for α = 1
 */
export function checkRowControls(mode: MixingMode, headCount: number, controls: RowControls): Required<RowControls> {
  const { strength = 1, alphaMin = 0, alphaMax = 1 } = controls;
  const weights = controls.weights ?? new Array<number>(headCount).fill(1 / headCount);
  const refuse = (fact: string, state: string, remedy: string): never => {
    throw new GatingError(fact, `Cannot mix the heads: ${state}; ${remedy}`);
  };
  if (!(strength >= 0 && strength < Number.POSITIVE_INFINITY)) {
    refuse("strength", `the strength is ${strength}`, "it must be finite and at least 0");
  }
  if (!(alphaMin >= 0 && alphaMax <= 1 && alphaMin <= alphaMax)) {
    refuse("alpha", `alpha is bounded by [${alphaMin}, ${alphaMax}]`, "bounds must ascend inside [0, 1]");
  }
  if (weights.length !== headCount || !weights.every(Number.isFinite)) {
    refuse(
      "weights",
      `the weights are [${weights.join(", ")}]`,
      `give one finite weight for each of ${headCount} heads`,
    );
  }
  if (mode === "klExact" && alphaMin >= 1) {
    refuse("alpha", "alpha is set to 1 and klExact needs alpha/(1-alpha)", "choose a smaller alpha or the convex mode");
  }
  if (mode === "klExact" || mode === "additive") return { strength, alphaMin, alphaMax, weights };
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (weights.some((weight) => weight < 0) || Math.abs(total - 1) > simplexTolerance) {
    refuse("weights", `the weights are [${weights.join(", ")}]`, `${mode} needs weights of at least 0 that sum to 1`);
  }
  return { strength, alphaMin, alphaMax, weights: weights.map((weight) => weight / total) };
}

/**
 * Throws where the mode cannot be used with a gate: `klExact` with the constant gate of α = 1.
 *
 * @throws GatingError
 */
export function checkGateMode(mode: MixingMode, { config }: Gate): void {
  if (mode === "klExact" && config.kind === "constant" && config.alpha === 1) {
    throw new GatingError(
      "alpha",
      "Cannot mix the heads: the gate is constant at alpha 1 and klExact needs alpha/(1-alpha); choose the convex mode",
    );
  }
}

/**
 * Uploads the controls of N rows for `mixingCoefficients`. Work that is recorded uploads those that stand in `rows` when
 * it runs.
 *
 * @param rows one entry a row
 * @throws GatingError as checkRowControls
 */
export function createControls(
  device: Device,
  mode: MixingMode,
  headCount: number,
  rows: readonly RowControls[],
): MixingControls {
  // Rows of a sequence usually share one object: check each once.
  const checked = new WeakMap<RowControls, Required<RowControls>>();
  const checkOnce = (row: RowControls) => {
    const known = checked.get(row) ?? checkRowControls(mode, headCount, row);
    checked.set(row, known);
    return known;
  };
  const column = (of: (row: Required<RowControls>) => number) =>
    device.tensor(() => rows.map((row) => of(checkOnce(row))), [rows.length]);
  return {
    strength: column((row) => row.strength),
    alphaMin: column((row) => row.alphaMin),
    alphaMax: column((row) => row.alphaMax),
    weights: Array.from({ length: headCount }, (_, head) => column((row) => row.weights[head]!)),
  };
}
