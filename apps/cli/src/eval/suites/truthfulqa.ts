// TruthfulQA: which of given answers a method finds likeliest, true ones or false ones.
import { type ChoiceLogps, choiceLogps, multipleChoice, tokenChoices } from "@dual-head/eval";
import type { Arm, MethodId } from "../arm.ts";
import { answerSlots } from "../workbench.ts";
import { figureOf } from "./compare.ts";
import { armOf, inTurn, type Suite, type SuiteContext } from "./context.ts";

/** Methods that are distributions; best-of-n and CARDS have none, and ARGS excludes most answers. */
const methods: readonly MethodId[] = ["base", "dual-head", "dpo", "simpo", "genarm", "proxy-tuning"];

/** Σ log π of each answer after its question, nats. */
async function logpsOf({ bench, setting, signal }: SuiteContext, arm: Arm): Promise<readonly ChoiceLogps[]> {
  const questions = await setting.choices();
  const { maxTokens } = (await bench.backbone(arm.backbone)).llama.config;
  return bench.withMethod(arm, answerSlots, maxTokens, ({ policy, controls }, _, tokenizer) =>
    inTurn(questions, async ({ prompt, trueAnswers, falseAnswers }) => {
      signal.throwIfAborted();
      const choices = tokenChoices((text) => tokenizer.encode(text), prompt, [...trueAnswers, ...falseAnswers]);
      const logps = await choiceLogps(policy!, choices, controls);
      const correct = logps.slice(0, trueAnswers.length);
      return { best: correct[0]!, correct, incorrect: logps.slice(trueAnswers.length) };
    }),
  );
}

/** The suite named after TruthfulQA. */
export const truthfulQaSuite: Suite = {
  name: "truthfulqa",
  title: "TruthfulQA: multiple choice",
  arms: (config, setting) => methods.map((method) => armOf(config, setting, method)),
  async run(context) {
    const { config, setting } = context;
    const rows = await inTurn(truthfulQaSuite.arms(config, setting), async (arm) => ({
      arm,
      scores: multipleChoice(await logpsOf(context, arm), { seed: config.seed }),
    }));
    return {
      suite: "truthfulqa",
      title: truthfulQaSuite.title,
      tables: [
        {
          title: `${rows[0]!.scores.count} questions`,
          caption:
            "MC1: the best true answer is likelier than every false one. MC2: the share of the probability of all answers that true ones have. MC3: the share of true answers that are likelier than every false one.",
          columns: ["MC1, %", "MC2, %", "MC3, %"].map((name) => ({ name, digits: 1, isShare: true })),
          rows: rows.map(({ arm, scores: { mc1, mc2, mc3 } }) => ({
            label: arm.name,
            cells: [{ value: mc1.share, low: mc1.low, high: mc1.high }, figureOf(mc2), figureOf(mc3)],
          })),
        },
      ],
      plots: [],
      claims: [],
      notes: [],
    };
  },
};
