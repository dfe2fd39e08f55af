// TruthfulQA: which of given answers a method finds likeliest, true ones or false ones; and how near to them what it writes
// itself comes.
import {
  type ChoiceLogps,
  choiceLogps,
  multipleChoice,
  overlapMeasures,
  tokenChoices,
  truthfulness,
} from "@dual-head/eval";
import { UsageError } from "../../io.ts";
import type { Arm, MethodId } from "../arm.ts";
import type { EvalConfig } from "../config.ts";
import type { Figure, ReportTable } from "../figures.ts";
import { exchangeOf, type MultipleChoice } from "../settings/setting.ts";
import { answerSlots } from "../workbench.ts";
import { figureOf, meanFigure } from "./compare.ts";
import { armOf, inTurn, type Suite, type SuiteContext, type SuiteNeed } from "./context.ts";

/** Methods that are distributions; best-of-n and CARDS have none, and ARGS excludes most answers. */
const methods: readonly MethodId[] = ["base", "dual-head", "dpo", "simpo", "genarm", "proxy-tuning"];

/** Σ log π of each answer after its question, nats. */
async function logpsOf(
  { bench, signal }: SuiteContext,
  arm: Arm,
  questions: readonly MultipleChoice[],
): Promise<readonly ChoiceLogps[]> {
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

/** A judge's marks of written answers, from 1 to 10. */
interface Marks {
  readonly mean: Figure | null;
  readonly unparsed: number;
}

/** Language models give marks; oracles and reward models were not made for truth. */
function isMarking({ judge }: EvalConfig): boolean {
  return judge.kind === "endpoint" || judge.kind === "recorded";
}

/** What an arm writes, beside true and false references; marked by the judge where that is a language model. */
async function writtenBy(context: SuiteContext, arm: Arm, questions: readonly MultipleChoice[]) {
  const { bench, config, judge, signal } = context;
  const prompts = questions.map(({ question, prompt, manner }) => ({ text: prompt, turns: [question], manner }));
  const answers = (await bench.run(arm, prompts)).map(({ answer }) => answer.trim());
  const overlap = truthfulness(
    answers.map((answer, at) => ({ answer, ...questions[at]!.references })),
    { seed: config.seed },
  );
  if (!isMarking(config) || judge.grade === undefined) return { overlap, marks: null };
  const exchanges = answers.map((answer, at) => ({
    ...exchangeOf(prompts[at]!, answer),
    references: [questions[at]!.references.correct.join("\n")],
  }));
  const scores = (await judge.grade(exchanges, { signal })).flatMap(({ score }) => score ?? []);
  const marks: Marks = {
    mean: scores.length === 0 ? null : meanFigure(scores),
    unparsed: exchanges.length - scores.length,
  };
  return { overlap, marks };
}

function writtenTable(
  rows: readonly { readonly arm: Arm; readonly written: Awaited<ReturnType<typeof writtenBy>> }[],
): ReportTable {
  const isMarked = rows.some(({ written }) => written.marks !== null);
  const marked = "The judge marks each answer from 1 to 10 beside all true references.";
  return {
    title: "Written answers",
    caption: `Written at temperature 0. Difference: the largest overlap with a true reference less the largest with a false one, −100 to 100; accuracy: the share of answers whose difference is above 0. Overlap is no judge of truth.${isMarked ? ` ${marked}` : ""}`,
    columns: [
      ...overlapMeasures.flatMap((name) => [
        { name: `${name} difference`, digits: 1 },
        { name: `${name} accuracy, %`, digits: 1, isShare: true },
      ]),
      ...(isMarked ? [{ name: "judge's marks" }, { name: "unparsed" }] : []),
    ],
    rows: rows.map(({ arm, written: { overlap, marks } }) => ({
      label: arm.name,
      cells: [
        ...overlapMeasures.flatMap((name) => {
          const { difference, accuracy } = overlap[name];
          return [figureOf(difference), { value: accuracy.share, low: accuracy.low, high: accuracy.high }];
        }),
        ...(isMarked ? [marks?.mean ?? null, marks === null ? null : String(marks.unparsed)] : []),
      ],
    })),
  };
}

const choices: SuiteNeed = async (_, setting) => {
  if ((await setting.choices()).length === 0)
    throw new UsageError("setting.truthfulQa has no question; name the file of TruthfulQA");
};

/** The suite named after TruthfulQA. */
export const truthfulQaSuite: Suite = {
  name: "truthfulqa",
  title: "TruthfulQA: multiple choice and written answers",
  needs: [choices],
  arms: (config, setting) => methods.map((method) => armOf(config, setting, method)),
  async judged(config, setting) {
    if (!isMarking(config)) return { comparisons: 0, grades: 0 };
    const questions = await setting.choices();
    let [textBytes, answerTokens] = [0, 0];
    for (const { question, references, manner } of questions) {
      textBytes += methods.length * Buffer.byteLength([question, ...references.correct].join("\n"));
      answerTokens += methods.length * (manner.maxNewTokens ?? config.maxNewTokens);
    }
    return { comparisons: 0, grades: methods.length * questions.length, graded: { textBytes, answerTokens } };
  },
  async run(context) {
    const { config, setting } = context;
    const questions = await setting.choices();
    const rows = await inTurn(truthfulQaSuite.arms(config, setting), async (arm) => ({
      arm,
      scores: multipleChoice(await logpsOf(context, arm, questions), { seed: config.seed }),
      written: await writtenBy(context, arm, questions),
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
        writtenTable(rows),
      ],
      plots: [],
      claims: [],
      notes: [],
    };
  },
};
