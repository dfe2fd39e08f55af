// "Ablation": what dual-head loses without its parts, each variant trained anew and compared with GenARM; and variants that
// the paper does not have.
import { defaultHead, defaultSettings } from "@dual-head/train";
import type { PartSettings } from "../arm.ts";
import { type EvalConfig, methodConfigOf } from "../config.ts";
import type { Claim, Figure, SuiteReport, TableRow } from "../figures.ts";
import { type Compared, compare, decided, meanFigure, pairedDifference, percent, rewardOf, signed } from "./compare.ts";
import { type ArmOverrides, answer, armOf, type Suite, type SuiteContext } from "./context.ts";
import { needs } from "./needs.ts";
import { paperAblation } from "./paper.ts";

/** What is changed of the configuration's dual-head. */
export type Variant = ArmOverrides & { readonly name: string; readonly label: string };

/** Variants by name. */
const variants: readonly Variant[] = [
  { name: "fixed", label: "fixed gating, α = 0.5", training: { gate: { kind: "constant", alpha: 0.5 } } },
  { name: "unregularised", label: "no gating regularisation, λ_G = 0", training: { lambdaGate: 0 } },
  { name: "single-head", label: "single-head attention", training: { gate: { headCount: 1 } } },
  { name: "printed-sign", label: "entropy term with the printed sign", training: { entropySign: "printed" } },
  { name: "fused", label: "preferences score the fusion itself", training: { preferenceOn: "fused" } },
  { name: "reward-only", label: "preferences score the reward head alone", training: { preferenceOn: "reward" } },
  {
    name: "convex",
    label: "convex mixing (E4) at strength 1 and λ_G = 1",
    knobs: { strength: 1 },
    training: { mixing: "convex", lambdaGate: 1 },
  },
  { name: "linear", label: "linear head (E3) at the same rate", training: { head: { kind: "linear" } } },
  {
    name: "low-rank",
    label: "low-rank head, rank 16, at the same rate",
    training: { head: { kind: "low-rank", rank: 16, bias: true } },
  },
  {
    name: "block",
    label: "block head, one transformer block over h_1..t",
    training: { head: { kind: "block", width: 128, headCount: 4, feedForwardSize: 352, bias: false } },
  },
  { name: "full", label: "full dual-head" },
];

/** What training has where a configuration does not say. */
const unsaid: PartSettings = { ...defaultSettings, head: defaultHead };

/** The variants that differ from the configuration's dual-head, and that one itself. */
export function variantsOf(config: EvalConfig): readonly Variant[] {
  const configured: PartSettings = { ...unsaid, ...methodConfigOf(config, "dual-head").training };
  const kindOf = (value: unknown) => (value as { readonly kind?: unknown } | undefined)?.kind;
  const isConfigured = ([name, value]: readonly [string, unknown]) =>
    value === configured[name] || (name === "head" && kindOf(value) === kindOf(configured[name]));
  return variants.filter(
    ({ name, knobs, training = {} }) =>
      name === "full" || knobs !== undefined || !Object.entries(training).every(isConfigured),
  );
}

/** The paper's table of ablations. */
export const ablationSuite: Suite = {
  name: "ablation",
  title: "Ablation: dual-head without its parts, against GenARM",
  needs: [needs.testPrompts],
  arms: (config, setting) => [
    armOf(config, setting, "genarm"),
    ...variantsOf(config).map(({ label: _, ...overrides }) => armOf(config, setting, "dual-head", overrides)),
  ],
  judged: (config) => ({ comparisons: variantsOf(config).length * config.prompts, grades: 0 }),
  async run(context): Promise<SuiteReport> {
    const [genArm, ...arms] = ablationSuite.arms(context.config, context.setting);
    const withKl = context.config.temperature > 0;
    const other = await answer(context, genArm!, { withKl });
    const compared: Compared[] = [];
    for (const arm of arms) compared.push(await compare(context, await answer(context, arm, { withKl }), other));
    return reportOf(compared, context);
  },
};

function reportOf(compared: readonly Compared[], { config, setting }: SuiteContext): SuiteReport {
  const [reward] = setting.rewards;
  const full = compared.at(-1)!;
  const own = variantsOf(config);
  return {
    suite: "ablation",
    title: ablationSuite.title,
    tables: [
      {
        title: "Variants against GenARM",
        caption:
          "Win rates of each variant over GenARM; every variant is trained on the same pairs. Variants differ in how far they go from the base as well (KL, nats a sequence), which alone moves rewards: the frontier compares at equal distance.",
        columns: [
          { name: "win rate, %", digits: 1, isShare: true },
          { name: "length-controlled, %", digits: 1, isShare: true },
          { name: `${reward} reward` },
          { name: "mean α" },
          { name: "KL", digits: 1 },
        ],
        rows: compared.map(({ first, win, lengthControlled }, at): TableRow => {
          const paper = paperAblation[own[at]!.name];
          const kls = first.responses.flatMap(({ kl }) => kl ?? []);
          const alphas = first.responses.flatMap(({ alpha }) => alpha ?? []);
          return {
            label: own[at]!.label,
            cells: [
              win,
              lengthControlled,
              rewardOf(first, reward!),
              alphas.length === 0 ? null : { value: alphas.reduce((sum, each) => sum + each, 0) / alphas.length },
              kls.length === 0 ? null : meanFigure(kls),
            ],
            paper: [paper?.win ?? null, paper?.lengthControlled ?? null, null, null, null],
          };
        }),
      },
    ],
    plots: [],
    claims: compared.flatMap(({ win, first }, at) => {
      const [one, two] = [full.first.rewards[reward!], first.rewards[reward!]];
      const difference = one === undefined || two === undefined ? null : pairedDifference(one, two, config.seed);
      const wins = `Win rates over GenARM ${percent(full.win)} against ${percent(win)}`;
      return variantClaims(own[at]!, difference, wins);
    }),
    notes: [],
  };
}

/** That dual-head is better than a variant, where the paper says so, as its true rewards decide; else nothing. */
export function variantClaims({ name, label }: Variant, difference: Figure | null, wins: string): readonly Claim[] {
  const paper = paperAblation[name];
  if (name === "full" || paper === undefined) return [];
  return [
    {
      statement: `dual-head is better than with ${label} (paper: ${paperAblation.full!.win} against ${paper.win}).`,
      holds: difference === null ? null : decided(difference),
      evidence: `${wins}${difference === null ? "" : `; difference in reward ${signed(difference)}`}.`,
    },
  ];
}
