// Comparing arrays within a tolerance, with a message that names the worst element.

/** Largest |actual − expected| / (absolute scale): 0 is equal; NaN on either side alone is infinite. */
export function worstDifference(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { readonly worst: number; readonly index: number; readonly scale: number } {
  let scale = 0;
  for (let index = 0; index < expected.length; index++) {
    const magnitude = Math.abs(expected[index]!);
    if (Number.isFinite(magnitude)) scale = Math.max(scale, magnitude);
  }
  let worst = 0;
  let at = 0;
  for (let index = 0; index < expected.length; index++) {
    const [a, e] = [actual[index]!, expected[index]!];
    const difference = Object.is(a, e) || a === e ? 0 : Math.abs(a - e);
    const comparable = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    if (comparable > worst) [worst, at] = [comparable, index];
  }
  return { worst, index: at, scale };
}

/** Throws unless every element is within `tolerance`·(1 + largest expected magnitude). */
export function checkClose(
  label: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  if (actual.length !== expected.length)
    throw new Error(`${label}: ${actual.length} elements but ${expected.length} expected`);
  const { worst, index, scale } = worstDifference(actual, expected);
  if (worst > tolerance * (1 + scale)) {
    throw new Error(
      `${label}: element ${index} is ${actual[index]} but ${expected[index]} expected (difference ${worst.toExponential(2)}, allowed ${(tolerance * (1 + scale)).toExponential(2)})`,
    );
  }
}
