// Soft logistic regression: the conditions of its minimum, closed forms, and what must not matter.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitLogistic, type LogisticProblem, logistic, scoreOf, softLogLoss } from "./logistic.ts";

const seed = 20261125;
const unit = fc.double({ min: 0, max: 1, noNaN: true });
const problems = fc
  .array(
    fc.tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: -3, max: 3, noNaN: true }), unit, unit),
    {
      minLength: 3,
      maxLength: 29,
    },
  )
  .map(
    (rows): LogisticProblem => ({
      features: [rows.map(([x]) => x), rows.map(() => 1), rows.map(([, x]) => x)],
      labels: rows.map(([, , label]) => label),
      weights: rows.map(([, , , weight]) => weight),
    }),
  );
const costs = fc.double({ min: -3, max: 3, noNaN: true }).map((exponent) => 10 ** exponent);

describe("fitLogistic()", () => {
  it("reaches the minimum: each slope is the penalty's, or within it where a coefficient is 0", () => {
    fc.assert(
      fc.property(problems, costs, (problem, cost) => {
        const w = fitLogistic(problem, cost);
        for (const [axis, feature] of problem.features.entries()) {
          let slope = 0;
          for (let row = 0; row < problem.labels.length; row++) {
            const share = logistic(scoreOf(problem.features, w, row));
            slope += cost * problem.weights[row]! * (share - problem.labels[row]!) * feature[row]!;
          }
          if (w[axis] === 0) expect(Math.abs(slope)).toBeLessThan(1 + 1e-4);
          else expect(Math.abs(slope + Math.sign(w[axis]!))).toBeLessThan(1e-4);
        }
      }),
      { seed, numRuns: 300 },
    );
  });

  it("takes a row of label p as a row of label 1 with weight p and one of label 0 with the rest", () => {
    fc.assert(
      fc.property(problems, costs, ({ features, labels, weights }, cost) => {
        const twice = <T>(values: ArrayLike<T>): T[] => [...Array.from(values), ...Array.from(values)];
        const shares = Array.from(labels);
        const split = {
          features: features.map(twice),
          labels: [...shares.map(() => 1), ...shares.map(() => 0)],
          weights: [
            ...shares.map((share, row) => share * weights[row]!),
            ...shares.map((share, row) => (1 - share) * weights[row]!),
          ],
        };
        const [one, other] = [fitLogistic({ features, labels, weights }, cost), fitLogistic(split, cost)];
        for (const [axis, each] of one.entries()) expect(each).toBeCloseTo(other[axis]!, 3);
      }),
      { seed, numRuns: 100 },
    );
  });

  it("does not depend on where it begins, and turns with its labels", () => {
    fc.assert(
      fc.property(problems, costs, (problem, cost) => {
        const lossOf = (w: readonly number[]) =>
          w.reduce((sum, each) => sum + Math.abs(each), 0) +
          cost *
            Array.from(
              problem.labels,
              (label, row) => problem.weights[row]! * softLogLoss(scoreOf(problem.features, w, row), label),
            ).reduce((a, b) => a + b, 0);
        const w = fitLogistic(problem, cost);
        expect(lossOf(fitLogistic(problem, cost, [2, -1, 3]))).toBeCloseTo(lossOf(w), 7);
        const turned = fitLogistic({ ...problem, labels: Array.from(problem.labels, (label) => 1 - label) }, cost);
        expect(lossOf(turned.map((each) => -each))).toBeCloseTo(lossOf(w), 7);
      }),
      { seed, numRuns: 100 },
    );
  });

  it("is the closed form of a constant alone: C·n·(σ(w) − p) = −sign w, and 0 where the penalty is stronger", () => {
    const constant = (share: number, cost: number) =>
      fitLogistic(
        { features: [[1, 1, 1, 1, 1]], labels: [share, share, share, share, share], weights: [1, 1, 1, 1, 1] },
        cost,
      )[0]!;
    expect(logistic(constant(0.9, 1e9))).toBeCloseTo(0.9, 8);
    expect(logistic(constant(0.9, 2))).toBeCloseTo(0.8, 10);
    expect(logistic(constant(0.1, 2))).toBeCloseTo(0.2, 10);
    expect(constant(0.9, 0.4)).toBe(0);
  });

  it("stays finite where one feature tells the labels apart, and where it tells nothing", () => {
    const apart = fitLogistic({ features: [[-1, -1, 1, 1]], labels: [0, 0, 1, 1], weights: [1, 1, 1, 1] }, 100);
    // C·4·(1 − σ(w)) = 1.
    expect(logistic(apart[0]!)).toBeCloseTo(1 - 1 / 400, 8);
    expect(fitLogistic({ features: [[0, 0, 0]], labels: [0, 1, 1], weights: [1, 1, 1] }, 100)).toEqual([0]);
  });
});
