// "Seeds": every trained method trained several times on pairs drawn anew, and compared over trainings and prompts at once.
import { type CrossedMeanEstimate, crossedMean } from "@dual-head/eval";
import { type Arm, keyOf, type MethodId } from "../arm.ts";
import type { EvalConfig } from "../config.ts";
import type { Claim, Figure, ReportTable, SuiteReport, TableRow } from "../figures.ts";
import { distinctParts } from "../methods/methods.ts";
import type { Setting } from "../settings/setting.ts";
import { type Variant, variantClaims, variantsOf } from "./ablation.ts";
import { type Compared, compare, figureOf, percent, preferenceClaim, rewardOf } from "./compare.ts";
import { type Answered, answer, armOf, inTurn, type Suite, type SuiteContext } from "./context.ts";
import { baselines } from "./main.ts";
import { needs } from "./needs.ts";
import { paperWins } from "./paper.ts";

/** Methods that are trained: what answers alike after every training, such as base, has nothing to say here. */
const methods: readonly MethodId[] = [...baselines, "best-of-n"];
const ownVariantsOf = (config: EvalConfig): readonly Variant[] =>
  variantsOf(config).filter(({ name }) => ["fixed", "single-head", "linear"].includes(name));
/** What dual-head is compared with: peers, and variants of its own. */
const comparedOf = (config: EvalConfig): readonly Pick<Rival, "label" | "variant">[] => [
  ...methods.map((label) => ({ label, variant: null })),
  ...ownVariantsOf(config).map((variant) => ({ label: variant.label, variant })),
];

/** The seeds of trainings: the configuration's, so that other suites' trainings are used, and those after it. */
function seedsOf({ seed, trainingSeeds = 3 }: EvalConfig): readonly number[] {
  return Array.from({ length: trainingSeeds }, (_, at) => seed + at);
}

/** Dual-head and all it is compared with, trained with a seed. */
function armsOf(config: EvalConfig, setting: Setting, seed: number): readonly [Arm, ...Arm[]] {
  return [
    armOf(config, setting, "dual-head", { seed }),
    ...methods.map((method) => armOf(config, setting, method, { seed })),
    ...ownVariantsOf(config).map(({ label: _, ...overrides }) =>
      armOf(config, setting, "dual-head", { ...overrides, seed }),
    ),
  ];
}

const allArms = (config: EvalConfig, setting: Setting) =>
  seedsOf(config).flatMap((seed) => armsOf(config, setting, seed));

/** The trainings of each method side by side. */
export const seedsSuite: Suite = {
  name: "seeds",
  title: "Seeds: several trainings of each method",
  needs: [needs.testPrompts],
  arms: allArms,
  judged: (config) => ({ comparisons: seedsOf(config).length * comparedOf(config).length * config.prompts, grades: 0 }),
  async run(context): Promise<SuiteReport> {
    const { config, setting } = context;
    const trained = await inTurn(seedsOf(config), async (seed) => {
      const [arm, ...others] = armsOf(config, setting, seed);
      const own = await answer(context, arm);
      return inTurn(others, async (other) => compare(context, own, await answer(context, other)));
    });
    return seedsReport(trained, context);
  },
};

/** @param trained by seed, then by what dual-head is compared with */
export function seedsReport(
  trained: readonly (readonly Compared[])[],
  { config, setting }: Pick<SuiteContext, "config" | "setting">,
): SuiteReport {
  const seeds = seedsOf(config);
  const reward = setting.rewards[0]!;
  const rivals = comparedOf(config).map((named, at) =>
    rivalOf(
      named,
      reward,
      trained.map((compared) => compared[at]!),
    ),
  );
  const parts = new Set(distinctParts(allArms(config, setting)).map(keyOf)).size;
  return {
    suite: seedsSuite.name,
    title: seedsSuite.title,
    tables: [winTable(rivals, seeds), rewardTable(rivals, trained, seeds, reward)],
    plots: [],
    claims: rivals.flatMap(claimsOf),
    notes: [
      `${seeds.length} trainings of each of ${rivals.length + 1} methods, with the seeds ${seeds.join(", ")}: ${parts} trainings in all, since some share a reward model. A seed draws the preference pairs and trains; prompts and the random numbers of answers are the same throughout. ${seeds.length} seeds are few: intervals account for that, deviations over seeds have none.`,
    ],
  };
}

/** What dual-head is compared with, over all trainings. */
interface Rival {
  readonly label: string;
  /** Null of a peer. */
  readonly variant: Variant | null;
  readonly compared: readonly Compared[];
  /** Over seeds and the prompts whose verdicts were understood with every seed. */
  readonly win: Figure | null;
  readonly understood: number;
  readonly difference: Figure | null;
  readonly own: CrossedMeanEstimate | null;
}

function rivalOf(named: Pick<Rival, "label" | "variant">, reward: string, compared: readonly Compared[]): Rival {
  const prompts = compared[0]!.outcomes.flatMap((_, at) =>
    compared.every(({ outcomes }) => outcomes[at] !== null) ? [at] : [],
  );
  const win = compared.map(({ outcomes }) => prompts.map((at) => outcomes[at]!));
  const rewards = compared.map(({ first, second }) => [first.rewards[reward], second.rewards[reward]] as const);
  const differences = rewards.map(([one, two]) => one?.map((value, at) => value - two![at]!) ?? null);
  return {
    ...named,
    ...{ compared, understood: prompts.length },
    win: prompts.length < 2 ? null : withinShares(figureOf(crossedMean(win))),
    difference: figureOrNull(crossedOf(differences)),
    own: crossedOf(compared.map(({ second }) => second.rewards[reward] ?? null)),
  };
}

/** Over seeds and prompts, or null where nobody knows the values. */
function crossedOf(values: readonly (readonly number[] | null)[]): CrossedMeanEstimate | null {
  const known = values.filter((each) => each !== null);
  return known.length < values.length ? null : crossedMean(known);
}

const figureOrNull = (estimate: CrossedMeanEstimate | null) => (estimate === null ? null : figureOf(estimate));

/** No share lies outside of 0 to 1, which Student's quantiles of few seeds do not know. */
function withinShares({ value, low, high }: Figure): Figure {
  return { value, low: Math.max(0, low!), high: Math.min(1, high!) };
}

const both = "over trainings and prompts, both taken as samples (two-way random effects)";

function winTable(rivals: readonly Rival[], seeds: readonly number[]): ReportTable {
  const share = { digits: 1, isShare: true };
  const unparsed = rivals.reduce((sum, { compared, understood }) => sum + compared[0]!.count - understood, 0);
  return {
    title: "Win rates of dual-head, trained anew with each seed",
    caption: `${rivals[0]!.compared[0]!.count} prompts, judged in both orders, ties as half; both sides are trained with the seed of the column, whose interval is over prompts for that training. The last column is the mean over seeds, its interval ${both} and cut to 0 to 100.${unparsed === 0 ? "" : ` It leaves out ${unparsed} prompts, over all rows, of which a verdict was not understood with some seed.`} The paper's figures are of one training.`,
    columns: [...seeds.map((seed) => ({ name: `seed ${seed}, %`, ...share })), { name: "all seeds, %", ...share }],
    rows: rivals.map(({ label, variant, compared, win }): TableRow => {
      const paper = paperWins["LLaMA-7B"][label];
      return {
        label: `dual-head against ${variant === null ? "" : "its variant: "}${label}`,
        cells: [...compared.map((each) => each.win), win],
        paper: [...seeds.map(() => null), paper?.win ?? null],
      };
    }),
  };
}

function rewardTable(
  rivals: readonly Rival[],
  trained: readonly (readonly Compared[])[],
  seeds: readonly number[],
  reward: string,
): ReportTable {
  const dualHead = trained.map((compared) => compared[0]!.first);
  const rowOf = (
    label: string,
    answered: readonly Answered[],
    all: CrossedMeanEstimate | null,
    difference: Figure | null,
  ): TableRow => ({
    label,
    cells: [
      ...answered.map((each) => rewardOf(each, reward)),
      figureOrNull(all),
      all === null ? null : { value: all.seedMeansDeviation },
      all === null ? null : { value: all.seedDeviation },
      difference,
    ],
  });
  return {
    title: `The ${reward} reward of each training`,
    caption: `Columns of a seed have intervals over prompts for that training. Those of the mean of all seeds and of dual-head's gain (its reward less the other's, prompt by prompt, both trained with the same seed) are ${both}. Deviations are standard deviations: of the means of seeds, and what is left of them without the chance in single answers (0 where they differ no more than that).`,
    columns: [
      ...seeds.map((seed) => ({ name: `seed ${seed}` })),
      { name: "all seeds" },
      { name: "deviation over seeds", digits: 3 },
      { name: "… without answers' chance", digits: 3 },
      { name: "dual-head's gain", digits: 3 },
    ],
    rows: [
      rowOf("dual-head", dualHead, crossedOf(dualHead.map(({ rewards }) => rewards[reward] ?? null)), null),
      ...rivals.map(({ label, compared, own, difference }) =>
        rowOf(
          label,
          compared.map(({ second }) => second),
          own,
          difference,
        ),
      ),
    ],
  };
}

function claimsOf({ label, variant, compared, win, difference }: Rival): readonly Claim[] {
  if (variant !== null) {
    return variantClaims(variant, difference, `Preferred in ${win === null ? "an unknown share" : percent(win)}`);
  }
  const paper = paperWins["LLaMA-7B"][label];
  if (paper === undefined || win === null) return [];
  const { first, second, count } = compared[0]!;
  return [preferenceClaim({ first, second, win, count: count * compared.length }, paper.win)];
}
