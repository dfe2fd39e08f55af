// What kernels share: fused multiply-add, sums over lanes, partial vectors, exponential and logarithm; AssemblyScript.
// Knows no op. Elements are f32 throughout; addresses are bytes.

let privateMemory: usize = 0;

/** What comes before scratch memory: constants of inner loops, and from SUMS on sums stored for a moment. */
const TABLE_BYTES: usize = 192;
const SUMS: usize = 128;

/** 2^112: what the bias of binary16 leaves out once exponent and fraction have moved to their places of float32. */
export const HALF_BIAS: f32 = 5.192296858534828e33;
/** Its root, 2^56, for what may be multiplied by it twice. */
export const HALF_BIAS_ROOT: f32 = 7.205759403792794e16;

/** Start of this thread's own scratch memory, which no other thread touches. */
@inline
export function threadScratch(): usize {
  return privateMemory + TABLE_BYTES;
}

/** Takes THREAD_SCRATCH_BYTES from `pointer` on. */
export function keepThreadScratch(pointer: usize): void {
  privateMemory = pointer;
  f32.store(pointer, -150);
  f32.store(pointer, 130, 4);
  f32.store(pointer, 1.4426950408889634, 8);
  f32.store(pointer, 12582912, 12);
  f32.store(pointer, -0.693359375, 16);
  f32.store(pointer, 2.12194440e-4, 20);
  f32.store(pointer, 1.9875691500e-4, 24);
  f32.store(pointer, 1.3981999507e-3, 28);
  f32.store(pointer, 8.3334519073e-3, 32);
  f32.store(pointer, 4.1665795894e-2, 36);
  f32.store(pointer, 1.6666665459e-1, 40);
  f32.store(pointer, 5.0000001201e-1, 44);
  f32.store(pointer, 1, 48);
  store<u32>(pointer, 0x0f0f0f0f, 52);
  store<u32>(pointer, 0x000f000f, 56);
  store<u32>(pointer, 0xffff0000, 60);
  store<u32>(pointer, 0x8fffe000, 64);
  f32.store(pointer, HALF_BIAS, 68);
  f32.store(pointer, HALF_BIAS_ROOT, 72);
  f32.store(pointer, -88, 76);
}

// Constants of inner loops are loaded: engines build one that stands in the code anew at each step, by several instructions,
// and join no vectors with it.

/** 1.5·2²³: added to numbers of at most 2²² it rounds them, and what its bits grew by is the whole number. */
@inline
export function roundingNumber(): v128 {
  return v128.load32_splat(privateMemory, 12);
}

/** 15 in each byte. */
@inline
export function nibbleOfBytes(): v128 {
  return v128.load32_splat(privateMemory, 52);
}

/** 15 in each half of a word. */
@inline
export function nibbleOfHalves(): v128 {
  return v128.load32_splat(privateMemory, 56);
}

/** The upper halves of words. */
@inline
export function upperHalves(): v128 {
  return v128.load32_splat(privateMemory, 60);
}

/** What a half of a word of binary16, moved to the places of float32, has of it. */
@inline
export function movedHalves(): v128 {
  return v128.load32_splat(privateMemory, 64);
}

/** `HALF_BIAS` in each lane. */
@inline
export function halfBias(): v128 {
  return v128.load32_splat(privateMemory, 68);
}

/** `HALF_BIAS_ROOT` in each lane. */
@inline
export function halfBiasRoot(): v128 {
  return v128.load32_splat(privateMemory, 72);
}

/** a·b + c; one rounding where relaxed SIMD fuses it, two elsewhere: the reason variants differ in bits. */
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

/**
 * c + products of signed bytes of a with bytes 0 to 127 of b, added by fours: exact in every engine, since sums of two
 * products fit into 16 bits and b's highest bit, which engines read differently, is zero.
 */
@inline
export function dotBytes(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, c) : unreachable();
}

/** (l0 + l2) + (l1 + l3). */
@inline
export function horizontalSum(a: v128): f32 {
  const halves = f32x4.add(a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  return f32x4.extract_lane(halves, 0) + f32x4.extract_lane(halves, 1);
}

@inline
export function horizontalMax(a: v128): f32 {
  const halves = f32x4.max(a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(halves, 0), f32x4.extract_lane(halves, 1));
}

/** The first `count` (1 to 3) elements, zeros behind. */
@inline
export function loadPartial(pointer: usize, count: i32): v128 {
  if (count == 1) return v128.load32_zero(pointer);
  const pair = v128.load64_zero(pointer);
  return count == 2 ? pair : v128.load_lane<u32>(pointer, pair, 2, 8);
}

/** Stores the first `count` (1 to 3) lanes. */
@inline
export function storePartial(pointer: usize, value: v128, count: i32): void {
  v128.store_lane<u32>(pointer, value, 0);
  if (count > 1) v128.store_lane<u32>(pointer, value, 1, 4);
  if (count > 2) v128.store_lane<u32>(pointer, value, 2, 8);
}

/** Four vectors of a row-major 4×4 block of 32-bit lanes, written as its transpose at distance `step`. */
@inline
export function storeTransposed(to: usize, step: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
  v128.store(to + step, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
  v128.store(to + 2 * step, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
  v128.store(to + 3 * step, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
}

/** Σ a·b over `count` elements in four interleaved sums of four lanes: one fixed tree a length. */
@inline
export function dot(a: usize, b: usize, count: i32): f32 {
  let sum0 = f32x4.splat(0);
  let sum1 = f32x4.splat(0);
  let sum2 = f32x4.splat(0);
  let sum3 = f32x4.splat(0);
  let k = 0;
  for (; k <= count - 16; k += 16) {
    sum0 = fma(v128.load(a), v128.load(b), sum0);
    sum1 = fma(v128.load(a, 16), v128.load(b, 16), sum1);
    sum2 = fma(v128.load(a, 32), v128.load(b, 32), sum2);
    sum3 = fma(v128.load(a, 48), v128.load(b, 48), sum3);
    a += 64;
    b += 64;
  }
  for (; k <= count - 4; k += 4) {
    sum0 = fma(v128.load(a), v128.load(b), sum0);
    a += 16;
    b += 16;
  }
  if (k < count) sum1 = fma(loadPartial(a, count - k), loadPartial(b, count - k), sum1);
  return horizontalSum(f32x4.add(f32x4.add(sum0, sum2), f32x4.add(sum1, sum3)));
}

/** y += a·x over `count` elements. */
@inline
export function addScaled(y: usize, x: usize, scale: f32, count: i32): void {
  const a = f32x4.splat(scale);
  let k = 0;
  for (; k <= count - 4; k += 4) {
    v128.store(y, fma(a, v128.load(x), v128.load(y)));
    x += 16;
    y += 16;
  }
  if (k < count) storePartial(y, fma(a, loadPartial(x, count - k), loadPartial(y, count - k)), count - k);
}

/** x/ln 2, which `roundingNumber` is added to: what it grew by is n, the nearest whole number. */
@inline
function shiftedExponent(x: v128): v128 {
  return f32x4.add(f32x4.mul(x, v128.load32_splat(privateMemory, 8)), roundingNumber());
}

/** eˣ⁻ⁿ˙ˡⁿ² for the whole number n nearest to x/ln 2. */
@inline
function expOfRest(x: v128, n: v128): v128 {
  const table = privateMemory;
  // ln 2 in two parts, the first exact in few bits, so that the remainder keeps full precision.
  let r = fma(n, v128.load32_splat(table, 16), x);
  r = fma(n, v128.load32_splat(table, 20), r);
  const one = v128.load32_splat(table, 48);
  let p = v128.load32_splat(table, 24);
  p = fma(p, r, v128.load32_splat(table, 28));
  p = fma(p, r, v128.load32_splat(table, 32));
  p = fma(p, r, v128.load32_splat(table, 36));
  p = fma(p, r, v128.load32_splat(table, 40));
  p = fma(p, r, v128.load32_splat(table, 44));
  return fma(p, f32x4.mul(r, r), f32x4.add(r, one));
}

/** eˣ to 2 ulp: 0 far below, infinity above 88.72, NaN of NaN. */
@inline
export function vexp(argument: v128): v128 {
  const table = privateMemory;
  // Pseudo-minima and -maxima are one instruction, and pass NaN through in this order.
  const x = f32x4.pmin(f32x4.pmax(argument, v128.load32_splat(table)), v128.load32_splat(table, 4));
  const shifted = shiftedExponent(x), far = roundingNumber();
  const p = expOfRest(x, f32x4.sub(shifted, far));
  // 2ⁿ in two factors: one alone overflows its exponent before the product does. The bits of 1 are its exponent.
  const one = v128.load32_splat(table, 48);
  const whole = i32x4.sub(shifted, far);
  const half = i32x4.shr_s(whole, 1);
  const low = i32x4.add(i32x4.shl(half, 23), one);
  const high = i32x4.add(i32x4.shl(i32x4.sub(whole, half), 23), one);
  return f32x4.mul(f32x4.mul(p, low), high);
}

/**
 * eˣ of x ≤ 0, and of what rounding lifts above: the bits of `vexp` where those are a normal number, 0 below, since n ends at
 * −127, where the bits of 2ⁿ are none.
 */
@inline
export function vexpOfNegative(argument: v128): v128 {
  const table = privateMemory;
  const x = f32x4.pmax(argument, v128.load32_splat(table, 76));
  const shifted = shiftedExponent(x), far = roundingNumber();
  const p = expOfRest(x, f32x4.sub(shifted, far));
  return f32x4.mul(p, i32x4.add(i32x4.shl(i32x4.sub(shifted, far), 23), v128.load32_splat(table, 48)));
}

/** ln x to 2 ulp: −∞ of 0, NaN below. */
@inline
export function vlog(argument: v128): v128 {
  // Numbers below the normal range are lifted by 2²³ first.
  const tiny = f32x4.lt(argument, f32x4.splat(1.1754943508222875e-38));
  const x = v128.bitselect(f32x4.mul(argument, f32x4.splat(8388608)), argument, tiny);
  const bits = i32x4.sub(x, i32x4.splat(0x3f3504f3));
  const exponent = i32x4.shr_s(bits, 23);
  const mantissa = i32x4.add(v128.and(bits, i32x4.splat(0x007fffff)), i32x4.splat(0x3f3504f3));
  const n = f32x4.sub(f32x4.convert_i32x4_s(exponent), v128.and(tiny, f32x4.splat(23)));
  const r = f32x4.sub(mantissa, f32x4.splat(1));
  const square = f32x4.mul(r, r);
  let p = f32x4.splat(7.0376836292e-2);
  p = fma(p, r, f32x4.splat(-1.1514610310e-1));
  p = fma(p, r, f32x4.splat(1.1676998740e-1));
  p = fma(p, r, f32x4.splat(-1.2420140846e-1));
  p = fma(p, r, f32x4.splat(1.4249322787e-1));
  p = fma(p, r, f32x4.splat(-1.6668057665e-1));
  p = fma(p, r, f32x4.splat(2.0000714765e-1));
  p = fma(p, r, f32x4.splat(-2.4999993993e-1));
  p = fma(p, r, f32x4.splat(3.3333331174e-1));
  let y = f32x4.mul(f32x4.mul(p, r), square);
  y = fma(n, f32x4.splat(-2.12194440e-4), y);
  y = fma(square, f32x4.splat(-0.5), y);
  y = f32x4.add(f32x4.add(r, y), f32x4.mul(n, f32x4.splat(0.693359375)));
  y = v128.bitselect(f32x4.splat(-Infinity), y, f32x4.eq(argument, f32x4.splat(0)));
  y = v128.bitselect(f32x4.splat(NaN), y, f32x4.lt(argument, f32x4.splat(0)));
  // +∞ and NaN pass through.
  return v128.bitselect(y, argument, f32x4.lt(argument, f32x4.splat(Infinity)));
}

/** ln(1 + e) for e in [0, 1]: the part of e that 1 + e rounds away is added back. */
@inline
export function vlog1p(e: v128): v128 {
  const sum = f32x4.add(f32x4.splat(1), e);
  const lost = f32x4.sub(e, f32x4.sub(sum, f32x4.splat(1)));
  return f32x4.add(vlog(sum), f32x4.div(lost, sum));
}

/** ln x of one number, by the same polynomial. */
@inline
export function slog(x: f32): f32 {
  return f32x4.extract_lane(vlog(f32x4.splat(x)), 0);
}

/** eˣ of one number, by the same polynomial. */
@inline
export function sexp(x: f32): f32 {
  return f32x4.extract_lane(vexp(f32x4.splat(x)), 0);
}

/** eˣ of one number x ≤ 0, by the same polynomial. */
@inline
export function sexpOfNegative(x: f32): f32 {
  return f32x4.extract_lane(vexpOfNegative(f32x4.splat(x)), 0);
}

/** σ(x) without overflow. */
@inline
export function vsigmoid(x: v128): v128 {
  // Far below, e⁻ˣ is infinity and its inverse 0.
  const one = v128.load32_splat(privateMemory, 48);
  return f32x4.div(one, f32x4.add(one, vexp(f32x4.neg(x))));
}

/** Largest of `count` ≥ 1 elements; NaN counts as less than any. */
@inline
export function rowMax(row: usize, count: i32): f32 {
  let most0 = f32x4.splat(-Infinity), most1 = most0, most2 = most0, most3 = most0;
  let k = 0;
  for (; k <= count - 16; k += 16) {
    most0 = f32x4.pmax(most0, v128.load(row));
    most1 = f32x4.pmax(most1, v128.load(row, 16));
    most2 = f32x4.pmax(most2, v128.load(row, 32));
    most3 = f32x4.pmax(most3, v128.load(row, 48));
    row += 64;
  }
  for (; k <= count - 4; k += 4) {
    most0 = f32x4.pmax(most0, v128.load(row));
    row += 16;
  }
  if (k < count) {
    const rest = count - k;
    for (let at = 0; at < rest; at++) most1 = f32x4.pmax(most1, v128.load32_splat(row + (<usize>at << 2)));
  }
  return horizontalMax(f32x4.pmax(f32x4.pmax(most0, most1), f32x4.pmax(most2, most3)));
}

/** Σ exp(element − shift) over `count` elements that are at most `shift`, in one fixed tree a length. */
@inline
export function rowExpSum(row: usize, count: i32, shift: f32): f32 {
  const below = f32x4.splat(shift), sums = privateMemory + SUMS;
  let even = f32x4.splat(0);
  let odd = f32x4.splat(0);
  let k = 0;
  for (; k <= count - 8; k += 8) {
    even = f32x4.add(even, vexpOfNegative(f32x4.sub(v128.load(row), below)));
    odd = f32x4.add(odd, vexpOfNegative(f32x4.sub(v128.load(row, 16), below)));
    row += 32;
  }
  // Neighbouring stores are what engines that join vectors begin from.
  v128.store(sums, even);
  v128.store(sums, odd, 16);
  let sum = horizontalSum(f32x4.add(v128.load(sums), v128.load(sums, 16)));
  for (; k < count; k++) {
    sum += sexpOfNegative(f32.load(row) - shift);
    row += 4;
  }
  return sum;
}

/**
 * row[s] = exp(row[s] − shift) for a shift that is no lower but by rounding, 0 up to the next multiple of 8; returns
 * their sum, in one fixed tree a length.
 */
@inline
export function exponentiate(row: usize, count: i32, shift: f32): f32 {
  const below = f32x4.splat(shift), sums = privateMemory + SUMS;
  const padded = (count + 7) & ~7;
  for (let s = count; s < padded; s++) f32.store(row + (<usize>s << 2), -Infinity);
  let even = f32x4.splat(0);
  let odd = f32x4.splat(0);
  for (let s = 0; s < padded; s += 8) {
    const low = vexpOfNegative(f32x4.sub(v128.load(row), below));
    const high = vexpOfNegative(f32x4.sub(v128.load(row, 16), below));
    v128.store(row, low);
    v128.store(row, high, 16);
    even = f32x4.add(even, low);
    odd = f32x4.add(odd, high);
    row += 32;
  }
  // Neighbouring stores are what engines that join vectors begin from.
  v128.store(sums, even);
  v128.store(sums, odd, 16);
  return horizontalSum(f32x4.add(v128.load(sums), v128.load(sums, 16)));
}
