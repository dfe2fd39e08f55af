// Functions of two numbers, as a table: the value in JavaScript and WGSL, and both derivatives written with other ops.
import type { Tensor } from "../../tensor.ts";
import { affine } from "../affine/op.ts";
import { unary } from "../unary/op.ts";
import { divide, multiply, subtract, where } from "./op.ts";

/** Names of the functions of two numbers. */
export type BinaryName =
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "minimum"
  | "maximum"
  | "greaterEqual"
  | "logAddExp"
  | "scaledSigmoid";

/** One function: `gradients[i](a, b, y, g)` is g·∂f/∂input i before broadcast axes are summed; null where it is zero. */
export interface BinaryFunction {
  readonly value: (a: number, b: number) => number;
  /** A WGSL expression of `a` and `b`; helper functions are in the unary table's `wgslHelpers`. */
  readonly wgsl: string;
  readonly gradients: readonly [BinaryGradient, BinaryGradient] | null;
}

type BinaryGradient = (a: Tensor, b: Tensor, y: Tensor, g: Tensor) => Tensor;

/** The table. */
export const binaryTable: Readonly<Record<BinaryName, BinaryFunction>> = {
  add: { value: (a, b) => a + b, wgsl: "a + b", gradients: [(_a, _b, _y, g) => g, (_a, _b, _y, g) => g] },
  subtract: {
    value: (a, b) => a - b,
    wgsl: "a - b",
    gradients: [(_a, _b, _y, g) => g, (_a, _b, _y, g) => affine(g, -1, 0)],
  },
  multiply: {
    value: (a, b) => a * b,
    wgsl: "a * b",
    gradients: [(_a, b, _y, g) => multiply(g, b), (a, _b, _y, g) => multiply(g, a)],
  },
  divide: {
    value: (a, b) => a / b,
    wgsl: "a / b",
    gradients: [(_a, b, _y, g) => divide(g, b), (_a, b, y, g) => affine(divide(multiply(g, y), b), -1, 0)],
  },
  // Ties send the whole gradient to the first operand.
  minimum: {
    value: Math.min,
    wgsl: "select(b, a, b >= a)",
    gradients: [(a, b, _y, g) => where(b, a, g), (a, b, _y, g) => subtract(g, where(b, a, g))],
  },
  maximum: {
    value: Math.max,
    wgsl: "select(b, a, a >= b)",
    gradients: [(a, b, _y, g) => where(a, b, g), (a, b, _y, g) => subtract(g, where(a, b, g))],
  },
  greaterEqual: { value: (a, b) => (a >= b ? 1 : 0), wgsl: "select(0.0, 1.0, a >= b)", gradients: null },
  logAddExp: {
    value: (a, b) => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b))),
    wgsl: "max(a, b) + log1pexpneg(exp(-abs(a - b)))",
    gradients: [
      (a, b, _y, g) => multiply(g, unary("sigmoid", subtract(a, b))),
      (a, b, _y, g) => multiply(g, unary("sigmoid", subtract(b, a))),
    ],
  },
  // σ(u + ln s) for a strength s ≥ 0 without an infinity at s = 0: s/(s + e^−u), or s·e^u/(1 + s·e^u) for u < 0.
  scaledSigmoid: {
    value: (u, s) => {
      if (s <= 0) return 0;
      const e = Math.exp(-Math.abs(u));
      return u >= 0 ? s / (s + e) : (s * e) / (1 + s * e);
    },
    wgsl: "scaledSigmoid(a, b)",
    gradients: [
      (_u, _s, y, g) => multiply(g, multiply(y, affine(y, -1, 1))),
      // ∂/∂s = e^u/(1 + s·e^u)² = (1−α)²·e^u
      (u, _s, y, g) => multiply(g, multiply(unary("square", affine(y, -1, 1)), unary("exp", u))),
    ],
  },
};
