// "Quality and alignment": average reward, diversity and coherence of each method's answers.
import { coherenceOf, createHiddenStateEmbedder, diversityOf } from "@dual-head/eval";
import type { MethodId } from "../arm.ts";
import type { Claim, Figure, TableRow } from "../figures.ts";
import type { TrainedFigures } from "../workbench.ts";
import { decided, figureOf, meanFigure, pairedDifference, rewardOf, signed } from "./compare.ts";
import { type Answered, answer, armOf, type Suite, type SuiteContext } from "./context.ts";
import { needs } from "./needs.ts";
import { paperQuality } from "./paper.ts";

const methods: readonly MethodId[] = ["base", "dpo", "simpo", "args", "genarm", "best-of-n", "dual-head"];

interface Quality {
  readonly answered: Answered;
  readonly reward: Figure | null;
  readonly diversity: Figure;
  readonly pooled: Figure | null;
  readonly coherence: Figure;
  readonly unrelated: Figure | null;
  /** By answer; empty where nobody knows. */
  readonly rewards: readonly number[];
  readonly diversities: readonly number[];
  readonly fluent: Figure | null;
  readonly length: Figure;
  readonly trained: TrainedFigures | null;
}

async function qualityOf(context: SuiteContext, answered: Answered): Promise<Quality> {
  const { setting } = context;
  const answers = answered.responses.map(({ answer: text }) => text.trim());
  const { isFluent } = setting;
  const { llama, tokenizer, role } = await context.bench.backbone(answered.arm.backbone);
  const embedder = createHiddenStateEmbedder({
    ...{ model: role, backbone: llama.backbone, params: llama.params, device: context.bench.options.device },
    encode: (text) => tokenizer.encode(text),
  });
  const pairs = answered.prompts.map(({ turns }, at) => ({ prompt: turns.at(-1)!, response: answers[at]! }));
  const { cosine, unrelated } = await coherenceOf(embedder, pairs, context.signal);
  const { perResponse, pooled } = diversityOf(answers);
  return {
    answered,
    reward: rewardOf(answered, setting.rewards[0]!),
    diversity: figureOf(perResponse),
    pooled: pooled === null ? null : { value: pooled },
    coherence: figureOf(cosine),
    unrelated: unrelated === null ? null : figureOf(unrelated),
    rewards: answered.rewards[setting.rewards[0]!] ?? [],
    diversities: answers.map((text) => diversityOf([text]).perResponse.mean),
    fluent: isFluent === null ? null : meanFigure(answers.map((text) => Number(isFluent(text)))),
    length: meanFigure(answers.map((text) => text.split(/\s+/).filter((word) => word !== "").length)),
    trained: await context.bench.trainedFigures(answered.arm),
  };
}

/** Whether dual-head has the highest value of all the paper's methods, answer by answer. */
function highest(
  name: string,
  all: readonly Quality[],
  valuesOf: (quality: Quality) => readonly number[],
  seed: number,
): Claim {
  const compared = all.filter(({ answered }) => Object.hasOwn(paperQuality, answered.arm.method));
  const own = compared.find(({ answered }) => answered.arm.method === "dual-head")!;
  const mean = (quality: Quality) => meanFigure(valuesOf(quality)).value;
  const rest = compared.filter((quality) => quality !== own);
  const statement = `dual-head has the highest ${name} of the paper's methods.`;
  if (compared.some((quality) => valuesOf(quality).length === 0))
    return { statement, holds: null, evidence: "Not known here." };
  const best = rest.reduce((a, b) => (mean(b) > mean(a) ? b : a));
  const difference = pairedDifference(valuesOf(own), valuesOf(best), seed);
  return {
    statement,
    holds: decided(difference),
    evidence: `Above the best other, ${best.answered.arm.name}, by ${signed(difference)}.`,
  };
}

/** The paper's table of quality. */
export const qualitySuite: Suite = {
  name: "quality",
  title: "Quality and alignment",
  needs: [needs.testPrompts],
  arms: (config, setting) => methods.map((method) => armOf(config, setting, method)),
  async run(context) {
    const all: Quality[] = [];
    for (const arm of qualitySuite.arms(context.config, context.setting)) {
      all.push(await qualityOf(context, await answer(context, arm)));
    }
    const [reward] = context.setting.rewards;
    return {
      suite: "quality",
      title: qualitySuite.title,
      tables: [
        {
          title: "Reward, diversity, coherence",
          caption:
            "Diversity is the product of distinct shares of 2-, 3- and 4-grams per answer, then the mean (ARGS), and with n-grams pooled over all answers (SimCTG); both fall with length, in words beside. Trained numbers and optimiser steps are those of the method's head and gate, reward model or policy. Coherence is the mean cosine of the backbone's mean hidden states of question and answer. The paper's reward is on another scale.",
          columns: [
            { name: `${reward} reward` },
            { name: "diversity (per answer)" },
            { name: "coherence" },
            { name: "… with unrelated answers" },
            { name: "diversity (pooled)" },
            { name: "fluent, %", digits: 1, isShare: true },
            { name: "words", digits: 1 },
            { name: "trained numbers", digits: 0 },
            { name: "steps", digits: 0 },
          ],
          rows: all.map(
            ({
              answered,
              reward: own,
              diversity,
              pooled,
              coherence: coherent,
              unrelated,
              fluent,
              length,
              trained,
            }): TableRow => {
              const paper = paperQuality[answered.arm.method];
              return {
                label: answered.arm.name,
                cells: [
                  ...[own, diversity, coherent, unrelated, pooled, fluent, length],
                  ...(trained === null ? [null, null] : [{ value: trained.trainable }, { value: trained.steps }]),
                ],
                paper: [...(paper ?? [null, null, null]), null, null, null, null, null, null],
              };
            },
          ),
        },
      ],
      plots: [],
      claims: [
        highest("average reward", all, ({ rewards }) => rewards, context.config.seed),
        highest("diversity", all, ({ diversities }) => diversities, context.config.seed),
        {
          statement: "dual-head has the highest coherence of the paper's methods.",
          holds: null,
          evidence:
            "Cosines of hidden states are not those of the paper's sentence embeddings; those of unrelated answers stand beside.",
        },
      ],
      notes: [],
    };
  },
};
