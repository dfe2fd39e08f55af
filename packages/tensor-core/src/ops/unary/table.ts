// Functions of one number, as a table: the value in JavaScript and WGSL, and the derivative written with other ops.
import type { Tensor } from "../../tensor.ts";
import { affine } from "../affine/op.ts";
import { add, divide, multiply } from "../binary/op.ts";
import { unary } from "./op.ts";

/** Names of the functions of one number. */
export type UnaryName =
  | "exp"
  | "log"
  | "sqrt"
  | "sigmoid"
  | "softplus"
  | "silu"
  | "geluTanh"
  | "tanh"
  | "square"
  | "reciprocal"
  | "sigmoidEntropy"
  | "flooredLog";

/** One function: `gradient(x, y, g)` is g·f′(x), with y = f(x). */
export interface UnaryFunction {
  readonly value: (x: number) => number;
  /** A WGSL expression of `x`; helper functions are in `wgslHelpers`. */
  readonly wgsl: string;
  readonly gradient: (x: Tensor, y: Tensor, g: Tensor) => Tensor;
}

/** The floor of flooredLog: far below any log-probability, and finite, so that no kernel meets an infinity. */
export const LOG_FLOOR = -1e4;

/** 2·√(2/π): the slope at 0 of the sigmoid's argument in geluTanh. */
const GELU_SLOPE = 2 * Math.sqrt(2 / Math.PI);

/** σ(x) without overflow. */
export function sigmoidValue(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** ln(1 + eˣ) without overflow. */
export function softplusValue(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** WGSL definitions that the expressions of the tables call. */
export const wgslHelpers: string = `
fn sigmoid(x: f32) -> f32 { let e = exp(-abs(x)); return select(e, 1.0, x >= 0.0) / (1.0 + e); }
fn log1pexpneg(e: f32) -> f32 { return select(log(1.0 + e), e - 0.5 * e * e, e < 1e-4); }
fn softplus(x: f32) -> f32 { return max(x, 0.0) + log1pexpneg(exp(-abs(x))); }
fn scaledSigmoid(u: f32, s: f32) -> f32 {
  let e = exp(-abs(u));
  let alpha = select(s * e / (1.0 + s * e), s / max(s + e, 1e-37), u >= 0.0);
  return select(alpha, 0.0, s <= 0.0);
}
fn gelutanh(x: f32) -> f32 { return x * sigmoid(${GELU_SLOPE} * (x + 0.044715 * x * x * x)); }
fn safetanh(x: f32) -> f32 { return tanh(clamp(x, -15.0, 15.0)); }
`;

/** The table. */
export const unaryTable: Readonly<Record<UnaryName, UnaryFunction>> = {
  exp: { value: Math.exp, wgsl: "exp(x)", gradient: (_, y, g) => multiply(g, y) },
  log: { value: Math.log, wgsl: "log(x)", gradient: (x, _, g) => divide(g, x) },
  sqrt: { value: Math.sqrt, wgsl: "sqrt(x)", gradient: (_, y, g) => divide(affine(g, 0.5, 0), y) },
  sigmoid: {
    value: sigmoidValue,
    wgsl: "sigmoid(x)",
    gradient: (_, y, g) => multiply(g, multiply(y, affine(y, -1, 1))),
  },
  softplus: { value: softplusValue, wgsl: "softplus(x)", gradient: (x, _, g) => multiply(g, unary("sigmoid", x)) },
  silu: {
    value: (x) => x * sigmoidValue(x),
    wgsl: "x * sigmoid(x)",
    gradient: (x, y, g) => {
      const s = unary("sigmoid", x);
      return multiply(g, affine(multiply(affine(y, -1, 1), s), 1, 0, y));
    },
  },
  // GPT-2's "gelu_new": ½x(1 + tanh v) = x·σ(2v) with v = √(2/π)·(x + .044715x³); f′ = s + x·s·(1−s)·2v′.
  geluTanh: {
    value: (x) => x * sigmoidValue(GELU_SLOPE * (x + 0.044715 * x ** 3)),
    wgsl: "gelutanh(x)",
    gradient: (x, y, g) => {
      const square = unary("square", x);
      const s = unary("sigmoid", multiply(x, affine(square, GELU_SLOPE * 0.044715, GELU_SLOPE)));
      const inner = affine(square, 3 * GELU_SLOPE * 0.044715, GELU_SLOPE);
      return multiply(g, add(s, multiply(multiply(y, affine(s, -1, 1)), inner)));
    },
  },
  tanh: {
    value: Math.tanh,
    wgsl: "safetanh(x)",
    gradient: (_, y, g) => multiply(g, affine(unary("square", y), -1, 1)),
  },
  square: { value: (x) => x * x, wgsl: "x * x", gradient: (x, _, g) => multiply(g, affine(x, 2, 0)) },
  reciprocal: {
    value: (x) => 1 / x,
    wgsl: "1.0 / x",
    gradient: (_, y, g) => multiply(g, affine(unary("square", y), -1, 0)),
  },
  // H(σ(u)) in nats, from the logit so that it stays finite where σ saturates; dH/du = −u·α(1−α).
  sigmoidEntropy: {
    value: (u) => sigmoidValue(u) * softplusValue(-u) + sigmoidValue(-u) * softplusValue(u),
    wgsl: "sigmoid(x) * softplus(-x) + sigmoid(-x) * softplus(x)",
    gradient: (u, _, g) => {
      const alpha = unary("sigmoid", u);
      return multiply(g, multiply(affine(u, -1, 0), multiply(alpha, unary("sigmoid", affine(u, -1, 0)))));
    },
  },
  // max(ln x, floor) for x ≥ 0: weights of mixtures, where 0 must stay 0 without an infinity.
  flooredLog: {
    value: (x) => (x > 0 ? Math.max(Math.log(x), LOG_FLOOR) : LOG_FLOOR),
    wgsl: `select(${LOG_FLOOR.toFixed(1)}, log(max(x, 1e-37)), x > 0.0)`,
    gradient: (x, _, g) => divide(g, affine(x, 1, 1e-37)),
  },
};
