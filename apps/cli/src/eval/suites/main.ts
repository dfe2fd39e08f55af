// "Main results" and "Cross-architecture": dual-head against each method, prompt by prompt, on one backbone.
import type { MethodId } from "../arm.ts";
import type { EvalConfig } from "../config.ts";
import type { SuiteReport, TableRow } from "../figures.ts";
import type { Setting } from "../settings/setting.ts";
import { type Compared, compare, preferenceClaim, rewardOf } from "./compare.ts";
import { answer, armOf, expertOf, type Suite, type SuiteContext } from "./context.ts";
import { needs } from "./needs.ts";
import { paperWins } from "./paper.ts";

/** The paper's baselines. */
export const baselines: readonly MethodId[] = ["dpo", "simpo", "args", "genarm"];
/** The other methods that need nothing more. */
const others: readonly MethodId[] = ["base", "best-of-n", "cards", "proxy-tuning"];

interface Place {
  readonly role: string;
  readonly model: "LLaMA-7B" | "Mistral-7B";
  readonly methods: readonly MethodId[];
}

const armsAt = ({ role, methods }: Place, config: EvalConfig, setting: Setting) =>
  (["dual-head", ...methods] as const).map((method) =>
    armOf(config, setting, method, {
      backbone: role,
      helper: method === "proxy-tuning" ? expertOf(config) : undefined,
    }),
  );

async function compareAt(place: Place, context: SuiteContext): Promise<readonly Compared[]> {
  const [own, ...rest] = armsAt(place, context.config, context.setting);
  const dualHead = await answer(context, own!);
  const compared: Compared[] = [];
  for (const arm of rest) compared.push(await compare(context, dualHead, await answer(context, arm)));
  return compared;
}

function rowOf({ model }: Place, reward: string) {
  return ({ second, win, lengthControlled, gain, ties, unparsed }: Compared): TableRow => {
    const paper = paperWins[model][second.arm.method];
    return {
      label: `dual-head against ${second.arm.name}`,
      cells: [win, lengthControlled, gain, rewardOf(second, reward), String(ties), String(unparsed)],
      paper: [paper?.win ?? null, paper?.lengthControlled ?? null, null, null, null, null],
    };
  };
}

async function report(
  suite: string,
  title: string,
  places: readonly Place[],
  context: SuiteContext,
): Promise<SuiteReport> {
  const [reward] = context.setting.rewards;
  const results = [];
  for (const place of places) results.push({ place, compared: await compareAt(place, context) });
  return {
    suite,
    title,
    tables: results.map(({ place, compared }) => ({
      title: `On ${context.config.backbones[place.role]}, beside the paper's ${place.model}`,
      caption: `${compared[0]!.count} prompts. Win rates count ties as half; each comparison is judged in both orders. Gain is the mean difference of the ${reward} reward, dual-head's less the other's; reward is the other's own. Length control is AlpacaEval 2's without difficulties; its penalty draws small effects to exactly 50, and – stands where it does so in every draw. Experts of proxy-tuning are of the smallest backbone.`,
      columns: [
        { name: "win rate, %", digits: 1, isShare: true },
        { name: "length-controlled, %", digits: 1, isShare: true },
        { name: `gain in ${reward} reward` },
        { name: `${reward} reward` },
        { name: "ties" },
        { name: "unparsed" },
      ],
      rows: [
        ...compared.map(rowOf(place, reward!)),
        { label: "dual-head itself", cells: [null, null, null, rewardOf(compared[0]!.first, reward!), null, null] },
      ],
    })),
    plots: [],
    claims: results.flatMap(({ place, compared }) =>
      compared.flatMap((each) => {
        const paper = paperWins[place.model][each.second.arm.method];
        return paper === undefined ? [] : [preferenceClaim(each, paper.win)];
      }),
    ),
    notes: [],
  };
}

const mainPlace: Place = { role: "main", model: "LLaMA-7B", methods: [...baselines, ...others] };

/** The paper's table of main results. */
export const mainSuite: Suite = {
  name: "main",
  title: "Main results: dual-head against each method",
  needs: [needs.testPrompts],
  arms: (config, setting) => armsAt(mainPlace, config, setting),
  judged: ({ prompts }) => ({ comparisons: mainPlace.methods.length * prompts, grades: 0 }),
  run: (context) => report("main", mainSuite.title, [mainPlace], context),
};

const crossPlaces = (config: EvalConfig): readonly Place[] => [
  { ...mainPlace, methods: baselines },
  ...(Object.hasOwn(config.backbones, config.second)
    ? [{ role: config.second, model: "Mistral-7B", methods: baselines } as const]
    : []),
];

/** The paper's table over two architectures. */
export const crossArchitectureSuite: Suite = {
  name: "cross-architecture",
  title: "Cross-architecture: the same on another backbone",
  needs: [needs.testPrompts],
  arms: (config, setting) => crossPlaces(config).flatMap((place) => armsAt(place, config, setting)),
  judged: (config) => ({
    comparisons: crossPlaces(config).reduce((sum, { methods }) => sum + methods.length * config.prompts, 0),
    grades: 0,
  }),
  run: (context) => report("cross-architecture", crossArchitectureSuite.title, crossPlaces(context.config), context),
};
