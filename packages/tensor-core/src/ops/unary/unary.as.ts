// Functions of one number over whole 64-byte lines, named after the rows of the table; AssemblyScript.
import { fma, vexp, vlog, vlog1p, vsigmoid } from "../../backends/cpu/prelude.as";

const EXP: i32 = 0;
const LOG: i32 = 1;
const SQRT: i32 = 2;
const SIGMOID: i32 = 3;
const SOFTPLUS: i32 = 4;
const SILU: i32 = 5;
const TANH: i32 = 6;
const SQUARE: i32 = 7;
const RECIPROCAL: i32 = 8;
const SIGMOID_ENTROPY: i32 = 9;
const FLOORED_LOG: i32 = 10;
const GELU_TANH: i32 = 11;

/** 1 − 2/(e^2|x| + 1) with the sign of x; near 0, where that cancels, an odd polynomial. */
@inline
function vtanh(x: v128): v128 {
  const square = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = fma(p, square, f32x4.splat(2.06390887954e-2));
  p = fma(p, square, f32x4.splat(-5.37397155531e-2));
  p = fma(p, square, f32x4.splat(1.33314422036e-1));
  p = fma(p, square, f32x4.splat(-3.33332819422e-1));
  p = fma(f32x4.mul(p, square), x, x);
  const magnitude = f32x4.abs(x);
  const one = f32x4.splat(1);
  const e = vexp(f32x4.add(magnitude, magnitude));
  const far = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(e, one)));
  const signed = v128.bitselect(far, x, i32x4.splat(0x7fffffff));
  return v128.bitselect(p, signed, f32x4.lt(magnitude, f32x4.splat(0.625)));
}

/** H(σ(x)) = σ(x)·softplus(−x) + σ(−x)·softplus(x). */
@inline
function ventropy(x: v128): v128 {
  const zero = f32x4.splat(0);
  const l = vlog1p(vexp(f32x4.neg(f32x4.abs(x))));
  const up = f32x4.add(f32x4.max(x, zero), l);
  const down = f32x4.add(f32x4.max(f32x4.neg(x), zero), l);
  return f32x4.add(f32x4.mul(vsigmoid(x), down), f32x4.mul(vsigmoid(f32x4.neg(x)), up));
}

@inline
function applyTo(row: i32, x: v128): v128 {
  if (row == EXP) return vexp(x);
  if (row == LOG) return vlog(x);
  if (row == SQRT) return f32x4.sqrt(x);
  if (row == SIGMOID) return vsigmoid(x);
  if (row == SOFTPLUS) return f32x4.add(f32x4.max(x, f32x4.splat(0)), vlog1p(vexp(f32x4.neg(f32x4.abs(x)))));
  if (row == SILU) return f32x4.mul(x, vsigmoid(x));
  if (row == GELU_TANH) {
    const inner = fma(f32x4.mul(x, x), f32x4.splat(0.07135481282), f32x4.splat(1.59576912161));
    return f32x4.mul(x, vsigmoid(f32x4.mul(x, inner)));
  }
  if (row == TANH) return vtanh(x);
  if (row == SQUARE) return f32x4.mul(x, x);
  if (row == RECIPROCAL) return f32x4.div(f32x4.splat(1), x);
  if (row == SIGMOID_ENTROPY) return ventropy(x);
  const floor = f32x4.splat(-1e4);
  return v128.bitselect(f32x4.max(vlog(x), floor), floor, f32x4.gt(x, f32x4.splat(0)));
}

@inline
function mapLines(row: i32, x: usize, y: usize, begin: usize, end: usize): void {
  for (let at = begin << 6; at < end << 6; at += 16) v128.store(y + at, applyTo(row, v128.load(x + at)));
}

export function unary_exp(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(EXP, x, y, begin, end);
}
export function unary_log(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(LOG, x, y, begin, end);
}
export function unary_sqrt(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(SQRT, x, y, begin, end);
}
export function unary_sigmoid(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(SIGMOID, x, y, begin, end);
}
export function unary_softplus(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(SOFTPLUS, x, y, begin, end);
}
export function unary_silu(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(SILU, x, y, begin, end);
}
export function unary_tanh(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(TANH, x, y, begin, end);
}
export function unary_square(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(SQUARE, x, y, begin, end);
}
export function unary_reciprocal(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(RECIPROCAL, x, y, begin, end);
}
export function unary_sigmoidEntropy(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(SIGMOID_ENTROPY, x, y, begin, end);
}
export function unary_flooredLog(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(FLOORED_LOG, x, y, begin, end);
}
export function unary_geluTanh(x: usize, y: usize, begin: usize, end: usize): void {
  mapLines(GELU_TANH, x, y, begin, end);
}
