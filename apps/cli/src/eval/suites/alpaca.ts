// AlpacaEval: each method's answers against those of the base model, with and without control for length.
import type { MethodId } from "../arm.ts";
import { compare, rewardOf } from "./compare.ts";
import { answer, armOf, type Suite } from "./context.ts";
import { needs } from "./needs.ts";

const methods: readonly MethodId[] = ["dual-head", "dpo", "simpo", "genarm", "args", "best-of-n", "cards"];

/** The suite named after AlpacaEval. */
export const alpacaSuite: Suite = {
  name: "alpaca",
  title: "AlpacaEval: each method against the base model",
  needs: [needs.testPrompts],
  arms: (config, setting) => (["base", ...methods] as const).map((method) => armOf(config, setting, method)),
  judged: ({ prompts }) => ({ comparisons: methods.length * prompts, grades: 0 }),
  async run(context) {
    const { config, setting } = context;
    const [reward] = setting.rewards;
    const base = await answer(context, armOf(config, setting, "base"));
    const rows = [];
    for (const method of methods) {
      const own = await answer(context, armOf(config, setting, method));
      rows.push({ method, own, compared: await compare(context, own, base) });
    }
    return {
      suite: "alpaca",
      title: alpacaSuite.title,
      tables: [
        {
          title: "Win rate over the base model",
          caption:
            "Ties count as half. Length control is AlpacaEval 2's logistic model without difficulties of instructions, which are not public.",
          columns: [
            { name: "win rate, %", digits: 1, isShare: true },
            { name: "length-controlled, %", digits: 1, isShare: true },
            { name: `${reward} reward` },
          ],
          rows: rows.map(({ method, own, compared: { win, lengthControlled } }) => ({
            label: method,
            cells: [win, lengthControlled, rewardOf(own, reward!)],
          })),
        },
      ],
      plots: [],
      claims: [],
      notes: [],
    };
  },
};
