// The mixing of this package: its laws, its coefficients, and controls that are refused.
import type { Tensor } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import {
  checkGateMode,
  checkRowControls,
  constantGate,
  createControls,
  effectiveAlpha,
  GatingError,
  type MixingMode,
  mixedLogits,
  mixedNats,
  mixedTopK,
  mixingCoefficients,
  type RowControls,
} from "./index.ts";
import { type MixingInputs, mixingLaws, randomTensor } from "./testing/index.ts";

/** Controls and coefficients of rows. */
function coefficientsOf(mode: MixingMode, { hidden, gateLogits }: MixingInputs, rows: readonly RowControls[]) {
  const controls = createControls(hidden.device, mode, gateLogits.length, rows);
  return { controls, coefficients: mixingCoefficients(mode, gateLogits, controls) };
}

mixingLaws("mixedLogits()", {
  logits: (mode, inputs, rows) =>
    mixedLogits(mode, inputs.hidden, inputs.lm, inputs.heads, coefficientsOf(mode, inputs, rows).coefficients),
  top: (mode, inputs, rows, count) =>
    mixedTopK(mode, inputs.hidden, inputs.lm, inputs.heads, coefficientsOf(mode, inputs, rows).coefficients, count),
  nats: (mode, inputs, rows, targets) =>
    mixedNats(mode, inputs.hidden, inputs.lm, inputs.heads, coefficientsOf(mode, inputs, rows).coefficients, targets),
  alpha: (mode, inputs, rows) => {
    const { controls, coefficients } = coefficientsOf(mode, inputs, rows);
    return effectiveAlpha(coefficients, controls);
  },
});

describe("mixingCoefficients()", () => {
  it("gives α after strength, and 1−α for the language model", async () => {
    const device = await sharedDevice("reference");
    const u = randomTensor(device, 29, [5], 2);
    const strengths = [0, 0.1, 1, 3, 50];
    const controls = createControls(
      device,
      "convex",
      1,
      strengths.map((strength) => ({ strength })),
    );
    const { alpha, lm } = mixingCoefficients("convex", [u], controls);
    const numbers = async (tensor: Tensor) => [...(await tensor.read())];
    const expected = (await numbers(u)).map((value, row) => {
      const odds = strengths[row]! * Math.exp(value);
      return odds / (1 + odds);
    });
    checkClose("alpha", await numbers(alpha[0]!), expected, 1e-12);
    checkClose(
      "lm",
      await numbers(lm!),
      expected.map((value) => 1 - value),
      1e-12,
    );
  });
});

describe("controls", () => {
  it("are refused where they cannot be", () => {
    const bad: readonly [MixingMode, RowControls][] = [
      ["convex", { strength: -1 }],
      ["convex", { strength: Number.NaN }],
      ["convex", { strength: Number.POSITIVE_INFINITY }],
      ["convex", { alphaMin: 0.5, alphaMax: 0.4 }],
      ["convex", { alphaMin: -0.1 }],
      ["mixture", { alphaMax: 1.1 }],
      ["convex", { weights: [0.5] }],
      ["convex", { weights: [0.5, 0.6] }],
      ["mixture", { weights: [1.5, -0.5] }],
      ["additive", { weights: [Number.NaN, 1] }],
      ["klExact", { alphaMin: 1 }],
    ];
    for (const [mode, controls] of bad) expect(() => checkRowControls(mode, 2, controls)).toThrow(GatingError);
    expect(checkRowControls("additive", 2, { weights: [2, -1] }).weights).toEqual([2, -1]);
    expect(checkRowControls("convex", 3, {}).weights).toEqual([1 / 3, 1 / 3, 1 / 3]);
    expect(() => checkGateMode("klExact", constantGate({ alpha: 1 }))).toThrow(/alpha 1/);
    expect(() => checkGateMode("convex", constantGate({ alpha: 1 }))).not.toThrow();
  });
});
