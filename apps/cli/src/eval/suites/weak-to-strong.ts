// "Weak to strong": small trained parts guide frozen backbones from small to large, beside whole fine-tuning.
import type { Outcome } from "@dual-head/eval";
import type { EvalConfig } from "../config.ts";
import type { Claim, Figure, SuiteReport } from "../figures.ts";
import type { Setting } from "../settings/setting.ts";
import { compare, pairedDifference, percent, rewardOf } from "./compare.ts";
import { answer, armOf, inTurn, type Suite } from "./context.ts";
import { scoreTwoTurns, twoTurnGrades, twoTurns } from "./mt-bench.ts";
import { needs } from "./needs.ts";
import { paperWeakToStrong } from "./paper.ts";

/** Roles that the configuration has a backbone for, small to large. */
const rolesOf = (config: EvalConfig) => config.scale.filter((role) => Object.hasOwn(config.backbones, role));

const rowsOf = (config: EvalConfig, setting: Setting) => {
  const roles = rolesOf(config);
  const [smallest] = roles;
  return roles.flatMap((role, size) => {
    const at = (method: "dual-head" | "dpo" | "genarm" | "proxy-tuning", helper?: string) => ({
      role,
      method,
      paper: method === "dual-head" || method === "dpo" ? (paperWeakToStrong[method][size] ?? null) : null,
      arm: armOf(config, setting, method, {
        name: `${method} on ${role}${helper === undefined ? "" : `, helped by ${helper}`}`,
        backbone: role,
        helper,
      }),
    });
    const helped = size === 0 ? [] : [at("genarm", smallest), at("proxy-tuning", smallest)];
    return [at("dual-head"), at("dpo"), ...helped];
  });
};

/** Mean difference of outcomes of two arms against the same answers, over the prompts of which both are known. */
function pairedOutcomes(first: readonly Outcome[], second: readonly Outcome[], seed: number): Figure | null {
  const known = first.flatMap((own, at) => (own === null || second[at] === null ? [] : [[own, second[at]!] as const]));
  if (known.length === 0) return null;
  return pairedDifference(
    known.map(([own]) => own),
    known.map(([, other]) => other),
    seed,
  );
}

/** The paper's table of weak-to-strong guidance. */
export const weakToStrongSuite: Suite = {
  name: "weak-to-strong",
  title: "Weak to strong: small parts guide larger backbones",
  needs: [needs.testPrompts, twoTurns],
  arms: (config, setting) => [
    ...rolesOf(config).map((role) => armOf(config, setting, "base", { name: `base ${role}`, backbone: role })),
    ...rowsOf(config, setting).map(({ arm }) => arm),
  ],
  judged: async (config, setting) => {
    const { length } = rowsOf(config, setting);
    return { ...(await twoTurnGrades(length, config, setting)), comparisons: length * config.prompts };
  },
  async run(context): Promise<SuiteReport> {
    const { config, setting } = context;
    const [reward] = setting.rewards;
    const rows = await inTurn(rowsOf(config, setting), async (row) => {
      const base = await answer(
        context,
        armOf(config, setting, "base", { backbone: row.role, name: `base ${row.role}` }),
      );
      const own = await answer(context, row.arm);
      const compared = await compare(context, own, base);
      const { both } = await scoreTwoTurns(context, row.arm);
      return { ...row, both, compared, reward: rewardOf(own, reward!) };
    });
    const claims = rolesOf(config).flatMap((role): readonly Claim[] => {
      const find = (method: string) => rows.find((row) => row.role === role && row.method === method)!;
      const [heads, whole] = [find("dual-head").compared, find("dpo").compared];
      const difference = pairedOutcomes(heads.outcomes, whole.outcomes, config.seed);
      return [
        {
          statement: `on ${role}, dual-head comes within 5 points of DPO's win rate over base.`,
          holds: difference === null ? null : difference.low! > -0.05 ? true : difference.high! < -0.05 ? false : null,
          evidence: `${percent(heads.win)} against ${percent(whole.win)}${difference === null ? "" : `; difference ${percent(difference)}`}.`,
        },
      ];
    });
    return {
      suite: "weak-to-strong",
      title: weakToStrongSuite.title,
      tables: [
        {
          title: "Two-turn score and win rate over the same frozen backbone",
          caption: `Each row against its own backbone's base; dual-head's head and gate are trained on each backbone anew, as the paper's are. The paper's rows are LLaMA 7B, 13B and 30B. Helped rows take their reward model or expert from the smallest backbone.`,
          columns: [
            { name: "two-turn score" },
            { name: "win rate over base, %", digits: 1, isShare: true },
            { name: `${reward} reward` },
          ],
          rows: rows.map(({ arm, both, compared, reward: own, paper }) => ({
            label: arm.name,
            cells: [both, compared.win, own],
            paper: [...(paper ?? [null, null]), null],
          })),
        },
      ],
      plots: [],
      claims,
      notes:
        rolesOf(config).length < config.scale.length
          ? [
              `The configuration has no backbone for ${config.scale.filter((role) => !rolesOf(config).includes(role)).join(", ")}: these rows are missing.`,
            ]
          : [],
    };
  },
};
