// The reward–KL frontier: what each method gains for how far it moves from the base model, at several values of its knob.
import { type BootstrapEstimate, bestOfNKlBound, compareAtKl, type FrontierPoint, rewardAtKl } from "@dual-head/eval";
import { UsageError } from "../../io.ts";
import type { Arm, MethodId } from "../arm.ts";
import type { EvalConfig } from "../config.ts";
import type { Claim, Figure, SuiteReport } from "../figures.ts";
import type { Setting } from "../settings/setting.ts";
import { meanFigure } from "./compare.ts";
import { type ArmOverrides, answer, armOf, expertOf, type Suite, type SuiteNeed } from "./context.ts";
import { needs } from "./needs.ts";

/** A method's knob: its values by default, and what a value changes. */
interface Knob {
  readonly method: MethodId;
  readonly name: string;
  readonly values: readonly number[];
  readonly set: (value: number) => ArmOverrides;
}

const strength = (value: number): ArmOverrides => ({ knobs: { strength: value } });
const strengths = [0.25, 0.5, 1, 2, 4];
const knobs: readonly Knob[] = [
  { method: "dual-head", name: "strength", values: strengths, set: strength },
  { method: "genarm", name: "strength", values: [0.25, 0.5, 1, 2, 3], set: strength },
  { method: "args", name: "strength", values: [0.5, 1, 2, 4, 8], set: strength },
  { method: "proxy-tuning", name: "strength", values: [0.25, 0.5, 0.75, 1, 1.5], set: strength },
  { method: "dpo", name: "β", values: [3, 1, 0.3, 0.1, 0.03], set: (beta) => ({ training: { beta } }) },
  // Without a reference β does not hold the policy anywhere; the rate of training decides how far it goes.
  {
    method: "simpo",
    name: "learning rate",
    values: [2e-4, 3e-4, 5e-4, 7e-4, 1e-3],
    set: (learningRate) => ({ training: { learningRate } }),
  },
  { method: "best-of-n", name: "n", values: [1, 2, 4, 8, 16, 32], set: (count) => ({ knobs: { count } }) },
];

const pointsOf = (config: EvalConfig, setting: Setting) =>
  knobs.flatMap(({ method, name, values, set }) =>
    (config.frontier[method] ?? values).map((value): { curve: string; label: string; value: number; arm: Arm } => ({
      curve: method,
      value,
      label: `${name} ${value}`,
      arm: armOf(config, setting, method, {
        ...set(value),
        name: `${method} ${name} ${value}`,
        helper: method === "proxy-tuning" ? expertOf(config) : undefined,
      }),
    })),
  );

/** The method that others are compared with. */
const own = "dual-head";

const divergences: SuiteNeed = ({ temperature, frontier }) => {
  if (temperature === 0)
    throw new UsageError("the temperature is 0, at which no divergence is finite; give one above 0");
  if (frontier[own]?.length === 0)
    throw new UsageError(`frontier.${own} has no value, and others are compared with it; give some or leave it out`);
};

/** A point with the name of its knob's value. */
interface CurvePoint extends FrontierPoint {
  readonly label: string;
  readonly kl: readonly number[];
  readonly reward: readonly number[];
}

/** An estimate as a figure; null where it is not defined. */
function figureAt({ value, low, high }: BootstrapEstimate): Figure | null {
  return value === null || low === null || high === null ? null : { value, low, high };
}

/** The three KLs at which methods are compared: inside the range that most of them reach. */
const namedKls = [1, 2, 4] as const;

/** The suite that no table of the paper has, and the only one in which methods can be compared at equal distance. */
export const frontierSuite: Suite = {
  name: "frontier",
  title: "Frontier: reward against distance from the base model",
  needs: [needs.scores, needs.testPrompts, divergences],
  arms: (config, setting) => pointsOf(config, setting).map(({ arm }) => arm),
  async run(context): Promise<SuiteReport> {
    const { config, setting } = context;
    const [reward] = setting.rewards;
    const count = config.prompts;
    const curves = new Map<string, CurvePoint[]>();
    for (const { curve, label, value, arm } of pointsOf(config, setting)) {
      const answered = await answer(context, arm, { count, withKl: true });
      const rewards = answered.rewards[reward!]!;
      // The bound is what is known of best-of-n; it is never below the truth.
      const isBound = arm.method === "best-of-n";
      const kl = answered.responses.map((response) => (isBound ? bestOfNKlBound(value) : response.kl!));
      const point = { label, knob: value, kl, reward: rewards };
      curves.set(curve, [...(curves.get(curve) ?? []), point]);
    }
    const points = [...curves].flatMap(([method, curve]) => curve.map((point) => ({ method, ...point })));
    const options = { seed: config.seed };
    const rest = [...curves.keys()].filter((method) => method !== own);
    const differences = rest.flatMap((method) =>
      namedKls.map((kl) => ({
        ...{ method, kl },
        difference: figureAt(compareAtKl(curves.get(own)!, curves.get(method)!, kl, options).difference),
      })),
    );
    return {
      suite: "frontier",
      title: frontierSuite.title,
      tables: [
        {
          title: `${reward} reward at equal KL`,
          caption: `Interpolated between measured points, never beyond them; intervals by bootstrap over ${count} prompts. KL(π ‖ base) in nats a sequence, exact per token along sampled answers; of best-of-n the bound log n − (n − 1)/n, so that it may gain the same at less KL than is shown, and nothing can be shown to gain more than it at equal KL.`,
          columns: namedKls.map((kl) => ({ name: `KL ${kl}` })),
          rows: [...curves.entries()].map(([method, curve]) => ({
            label: method,
            cells: namedKls.map((kl) => figureAt(rewardAtKl(curve, kl, options))),
          })),
        },
        {
          title: `${own} less the other method, at equal KL`,
          caption: `Above 0 ${own} gains more; – where one of both was not measured on both sides of that KL.`,
          columns: namedKls.map((kl) => ({ name: `KL ${kl}` })),
          rows: rest.map((method) => ({
            label: method,
            cells: differences.filter((each) => each.method === method).map(({ difference }) => difference),
          })),
        },
        {
          title: "All points",
          caption: "Each knob's value by itself.",
          columns: [{ name: "KL, nats" }, { name: `${reward} reward` }],
          rows: points.map(({ method, label, kl, reward: own }) => ({
            label: `${method}, ${label}`,
            cells: [meanFigure(kl), meanFigure(own)],
          })),
        },
      ],
      plots: [
        {
          title: "reward against KL",
          caption: `Mean ${reward} reward of answers against mean KL to the base model, one line a method.`,
          x: "KL(π ‖ base), nats a sequence",
          y: `${reward} reward`,
          series: [...curves.entries()].map(([method, curve]) => ({
            name: method,
            points: curve
              .map(({ kl, reward: own, label }) => ({ x: meanFigure(kl), y: meanFigure(own), label }))
              .sort((a, b) => a.x.value - b.x.value),
          })),
        },
      ],
      claims: differences.map(({ method, kl, difference }) => claimOf(method, kl, difference)),
      notes: [],
    };
  },
};

function claimOf(method: string, kl: number, difference: Figure | null): Claim {
  const statement = `at a KL of ${kl} nats ${own} gains more reward than ${method}.`;
  if (difference === null) return { statement, holds: null, evidence: "One of both was not measured around this KL." };
  const { value, low, high } = difference;
  return {
    statement,
    holds: low! > 0 ? (method === "best-of-n" ? null : true) : high! < 0 ? false : null,
    evidence: `Difference ${value.toFixed(3)} [${low!.toFixed(3)}, ${high!.toFixed(3)}]${method === "best-of-n" ? ", best-of-n at the bound of its KL" : ""}.`,
  };
}
