// Finding a counterexample to a property that is claimed and false; knows no claim.
import fc from "fast-check";

/**
 * The smallest counterexample that fast-check finds and shrinks to; a claim called false must have one.
 *
 * @throws Error where the property holds in every case tried
 */
export async function searchCounterexample<Args extends unknown[]>(
  property: fc.IProperty<Args> | fc.IAsyncProperty<Args>,
  seed: number,
): Promise<Args> {
  const details = await fc.check(property as fc.IAsyncProperty<Args>, { seed, numRuns: 500 });
  if (details.counterexample === null) {
    throw new Error(`No counterexample in ${details.numRuns} cases with seed ${seed}: the claim may hold after all`);
  }
  return details.counterexample;
}
