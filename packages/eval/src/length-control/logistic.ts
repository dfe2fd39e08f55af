// Logistic regression with soft labels and an L1 penalty, for a handful of features. Knows no lengths and no judges.

/** What is fitted. */
export interface LogisticProblem {
  /** Features [D][N]: a list of N values for each feature. */
  readonly features: readonly ArrayLike<number>[];
  /** Labels [N] from 0 to 1: a row of label p is one of label 1 with weight p and one of label 0 with weight 1 − p. */
  readonly labels: ArrayLike<number>;
  /** Weights [N], from 0 on. */
  readonly weights: ArrayLike<number>;
}

const maxSteps = 200;
const tolerance = 1e-10;

/** ln(1 + e^z) without overflow. */
function softplus(z: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

/** 1 / (1 + e^−z). */
export function logistic(z: number): number {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : 1 - 1 / (1 + Math.exp(z));
}

/** −p ln σ(z) − (1 − p) ln(1 − σ(z)): the loss of one row with z = w·x. */
export function softLogLoss(z: number, label: number): number {
  return softplus(z) - label * z;
}

/** z = w·x of a row. */
export function scoreOf(features: readonly ArrayLike<number>[], coefficients: readonly number[], row: number): number {
  let z = 0;
  for (let axis = 0; axis < features.length; axis++) z += coefficients[axis]! * features[axis]![row]!;
  return z;
}

/**
 * The coefficients w [D] that minimise Σ|w| + C·Σᵢ weightᵢ·(−pᵢ ln σ(w·xᵢ) − (1 − pᵢ) ln(1 − σ(w·xᵢ))): liblinear's L1
 * problem without an intercept. Newton's steps whose quadratic with the penalty is solved axis by axis, halved until the
 * objective falls. Deviation from liblinear: it goes on to 1e-10 of the objective instead of stopping at 1e-4.
 *
 * @param cost C, over 0: the inverse of the strength of the penalty
 * @param start coefficients to begin with; default 0
 */
export function fitLogistic(
  { features, labels, weights }: LogisticProblem,
  cost: number,
  start?: readonly number[],
): readonly number[] {
  const axes = features.length;
  let w = start?.slice() ?? features.map(() => 0);
  const objectiveOf = (at: readonly number[]): number => {
    let loss = 0;
    for (let row = 0; row < labels.length; row++) {
      if (weights[row] !== 0) loss += weights[row]! * softLogLoss(scoreOf(features, at, row), labels[row]!);
    }
    return cost * loss + at.reduce((sum, each) => sum + Math.abs(each), 0);
  };
  let objective = objectiveOf(w);
  const gradient = new Float64Array(axes);
  const hessian = new Float64Array(axes * axes);
  for (let step = 0; step < maxSteps; step++) {
    gradient.fill(0);
    hessian.fill(0);
    for (let row = 0; row < labels.length; row++) {
      const weight = cost * weights[row]!;
      if (weight === 0) continue;
      const share = logistic(scoreOf(features, w, row));
      const curvature = weight * share * (1 - share);
      for (let a = 0; a < axes; a++) {
        const x = features[a]![row]!;
        gradient[a]! += weight * (share - labels[row]!) * x;
        for (let b = 0; b <= a; b++) hessian[a * axes + b]! += curvature * x * features[b]![row]!;
      }
    }
    const move = penalisedStep(gradient, hessian, w);
    if (Math.max(...move.map(Math.abs)) <= tolerance) return w;
    let scale = 1;
    let [next, reached] = [w, objective];
    for (; scale > 1e-12; scale /= 2) {
      const tried = w.map((each, axis) => each + scale * move[axis]!);
      const value = objectiveOf(tried);
      if (value <= objective) {
        [next, reached] = [tried, value];
        break;
      }
    }
    const gain = objective - reached;
    [w, objective] = [next, reached];
    if (gain <= tolerance * tolerance * Math.max(1, objective) || scale <= 1e-12) return w;
  }
  return w;
}

/** d that minimises gradient·d + ½ d·H·d + Σ|w + d|, axis by axis; H is given by its lower half. */
function penalisedStep(gradient: Float64Array, hessian: Float64Array, w: readonly number[]): readonly number[] {
  const axes = w.length;
  const at = (a: number, b: number) => (a >= b ? hessian[a * axes + b]! : hessian[b * axes + a]!);
  const move = w.map(() => 0);
  for (let sweep = 0; sweep < 500; sweep++) {
    let largest = 0;
    for (let a = 0; a < axes; a++) {
      // A feature that is 0 everywhere has no curvature: any is good, and the penalty takes its coefficient to 0.
      const curvature = Math.max(at(a, a), 1e-12);
      let slope = gradient[a]!;
      for (let b = 0; b < axes; b++) slope += at(a, b) * move[b]!;
      const free = w[a]! + move[a]! - slope / curvature;
      const shrunk = Math.sign(free) * Math.max(0, Math.abs(free) - 1 / curvature);
      const change = shrunk - w[a]! - move[a]!;
      move[a]! += change;
      largest = Math.max(largest, Math.abs(change));
    }
    if (largest < 1e-13) break;
  }
  return move;
}
