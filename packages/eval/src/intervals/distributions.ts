// Quantiles of the normal and of Student's distribution, and the tail of fair coins, in double precision. They know no
// data.

/** ln Γ(x), x > 0: Stirling's series from 10 on, below it by Γ(x + 1) = x Γ(x). */
export function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 10; at++) shift -= Math.log(at);
  const inverse = 1 / (at * at);
  // Terms B_2k / (2k (2k−1) x^(2k−1)); the first left out is below 1e-15 at 10.
  const series =
    (1 / 12 -
      inverse *
        (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse * (1 / 1188 - inverse * (691 / 360360)))))) /
    at;
  return shift + (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series;
}

/** The value at which an increasing function on (0, ∞) passes `target`, by doubling and halving to the last bits. */
function invert(increasing: (x: number) => number, target: number): number {
  let high = 1;
  while (increasing(high) < target) high *= 2;
  let low = 0;
  for (let step = 0; step < 200 && high - low > 1e-15 * high; step++) {
    const middle = (low + high) / 2;
    if (increasing(middle) < target) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(|Z| ≤ x) of a standard normal Z, x ≥ 0. */
function normalWithin(x: number): number {
  if (x > 8) return 1;
  // erf by its series of positive terms: erf(y) = 2/√π · e^(−y²) · Σ 2^k y^(2k+1) / (1·3·…·(2k+1)).
  const y = x / Math.SQRT2;
  let term = y;
  let sum = y;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (2 * y * y) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-y * y) * sum;
}

/** The regularised incomplete beta function I_x(a, b) by its continued fraction (modified Lentz). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const numerator of [even, odd]) {
      d = 1 / away(1 + numerator * d);
      c = away(1 + numerator / c);
      change = c * d;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 1e-15) break;
  }
  const front = a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b);
  return (Math.exp(front) * fraction) / a;
}

/** z with P(|Z| ≤ z) = level of a standard normal Z: 1.96 at .95. */
export function normalCritical(level: number): number {
  return invert(normalWithin, level);
}

/** t with P(|T| ≤ t) = level of Student's distribution with these degrees of freedom (at least 1). */
export function studentCritical(level: number, freedom: number): number {
  return invert((t) => 1 - incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5), level);
}

/** P(X ≤ count) of X heads among `trials` tosses of a fair coin. */
export function fairCoinTail(count: number, trials: number): number {
  const logAll = logGamma(trials + 1) - trials * Math.LN2;
  let sum = 0;
  for (let heads = 0; heads <= count; heads++) {
    sum += Math.exp(logAll - logGamma(heads + 1) - logGamma(trials - heads + 1));
  }
  return Math.min(1, sum);
}
