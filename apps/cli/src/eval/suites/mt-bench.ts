// MT-Bench: two questions, the second after the model's own answer to the first; each answer graded by the judge, beside
// reference answers where there are some.
import { type MeanEstimate, type MtBenchMean, mtBenchScore } from "@dual-head/eval";
import { UsageError } from "../../io.ts";
import type { Arm, MethodId } from "../arm.ts";
import type { EvalConfig } from "../config.ts";
import type { Figure, ReportTable } from "../figures.ts";
import { type EvalPrompt, exchangeOf, type Setting, transcriptOf } from "../settings/setting.ts";
import { figureOf } from "./compare.ts";
import { armOf, type JudgedCounts, type Suite, type SuiteContext, type SuiteNeed } from "./context.ts";

const methods: readonly MethodId[] = ["base", "dual-head", "dpo", "simpo", "genarm", "args"];

/** Questions of MT-Bench as it is published; of fewer prompts, as many are asked. */
const questionLimit = 80;

/** How many questions of two turns a configuration asks. */
export function twoTurnCount({ prompts }: EvalConfig): number {
  return Math.min(questionLimit, prompts);
}

/** Questions of two turns. */
export const twoTurns: SuiteNeed = async (config, setting) => {
  const { length } = await setting.twoTurns(twoTurnCount(config), config.seed);
  if (length === 0) throw new UsageError("setting.mtBench has no question; name the file of MT-Bench");
};

/** What a judge is asked of so many arms: the second grade shows both questions, both answers and both references. */
export async function twoTurnGrades(armCount: number, config: EvalConfig, setting: Setting): Promise<JudgedCounts> {
  const questions = await setting.twoTurns(twoTurnCount(config), config.seed);
  let [textBytes, answerTokens] = [0, 0];
  for (const { turns, references, manner } of questions) {
    for (const shown of [1, 2]) {
      const texts = [...turns.slice(0, shown), ...(references ?? []).slice(0, shown)];
      textBytes += Buffer.byteLength(texts.join(""));
      answerTokens += shown * (manner.maxNewTokens ?? config.maxNewTokens);
    }
  }
  return {
    comparisons: 0,
    grades: armCount * 2 * questions.length,
    graded: { textBytes: armCount * textBytes, answerTokens: armCount * answerTokens },
  };
}

/** Scores of an arm on two-turn questions; null where no grade was understood. */
export interface TwoTurnScores {
  readonly first: Figure | null;
  readonly second: Figure | null;
  /** The mean over the grades of both turns. */
  readonly both: Figure | null;
  readonly categories: readonly MtBenchMean[];
  /** Answers whose grade could not be understood. */
  readonly unparsed: number;
  readonly questions: number;
  /** Questions whose answers the judge saw beside references. */
  readonly referred: number;
}

/** Answers both turns, each question at its category's temperature, and has them graded, from 1 to 10. */
export async function scoreTwoTurns(context: SuiteContext, arm: Arm): Promise<TwoTurnScores> {
  const { bench, config, setting, judge, signal } = context;
  if (judge.grade === undefined) {
    throw new UsageError(`Cannot grade two turns: the judge ${judge.name} only compares; configure one that grades`);
  }
  const questions = await setting.twoTurns(twoTurnCount(config), config.seed);
  const promptsOf = (turns: readonly (readonly string[])[]): readonly EvalPrompt[] =>
    turns.map((own, at) => ({ turns: own, text: transcriptOf(own), manner: questions[at]!.manner }));
  const opening = promptsOf(questions.map(({ turns }) => [turns[0]]));
  const first = (await bench.run(arm, opening)).map(({ answer }) => answer.trim());
  const following = promptsOf(questions.map(({ turns }, at) => [turns[0], first[at]!, turns[1]]));
  const second = (await bench.run(arm, following)).map(({ answer }) => answer.trim());
  const exchanges = [
    { turn: 1, prompts: opening, answers: first },
    { turn: 2, prompts: following, answers: second },
  ].flatMap(({ turn, prompts, answers }) =>
    prompts.map((prompt, at) => {
      const references = questions[at]!.references?.slice(0, turn);
      return { ...exchangeOf(prompt, answers[at]!), ...(references === undefined ? {} : { references }) };
    }),
  );
  const toMarks = marksOf(judge.name, config.setting.kind === "mini-world");
  const grades = (await judge.grade(exchanges, { signal })).map(({ score }, at) => ({
    questionId: at % questions.length,
    turn: at < questions.length ? 1 : 2,
    score: score === null ? null : toMarks(score),
  }));
  const { score, turns, categories, unparsed } = mtBenchScore(grades, (at) => questions[at]!.category, {
    seed: config.seed,
  });
  const turnOf = (name: string) => figureOrNull(turns.find((turn) => turn.name === name));
  return {
    ...{ first: turnOf("1"), second: turnOf("2"), both: figureOrNull(score), categories, unparsed },
    questions: questions.length,
    referred: questions.filter(({ references }) => references !== null).length,
  };
}

const figureOrNull = (mean: MeanEstimate | null | undefined) => (mean == null ? null : figureOf(mean));

/**
 * Scores as marks from 1 to 10: those of the mini world's oracle, in [−1, 1], evenly; those of reward models, an oracle made
 * of them among these, by the logistic curve; others as they are.
 */
function marksOf(judge: string, isMiniWorld: boolean): (score: number) => number {
  if (judge === "oracle" && isMiniWorld) return (score) => 5.5 + 4.5 * score;
  if (judge === "oracle" || judge.startsWith("reward model")) return (score) => 1 + 9 / (1 + Math.exp(-score));
  return (score) => score;
}

function categoryTable(rows: readonly { readonly arm: Arm; readonly scores: TwoTurnScores }[]): ReportTable {
  const names = [...new Set(rows.flatMap(({ scores }) => scores.categories.map(({ name }) => name)))];
  return {
    title: "Scores by category",
    caption: "Both turns together.",
    columns: names.map((name) => ({ name, digits: 1 })),
    rows: rows.map(({ arm, scores }) => ({
      label: arm.name,
      cells: names.map((name) => figureOrNull(scores.categories.find((each) => each.name === name))),
    })),
  };
}

/** The suite named after MT-Bench. */
export const mtBenchSuite: Suite = {
  name: "mt-bench",
  title: "MT-Bench: two turns, graded",
  needs: [twoTurns],
  arms: (config, setting) => methods.map((method) => armOf(config, setting, method)),
  judged: (config, setting) => twoTurnGrades(methods.length, config, setting),
  async run(context) {
    const rows: { readonly arm: Arm; readonly scores: TwoTurnScores }[] = [];
    for (const arm of mtBenchSuite.arms(context.config, context.setting)) {
      rows.push({ arm, scores: await scoreTwoTurns(context, arm) });
    }
    const { questions, referred } = rows[0]!.scores;
    return {
      suite: "mt-bench",
      title: mtBenchSuite.title,
      tables: [
        {
          title: "Scores by turn",
          caption: `${questions} questions, ${referred} of them graded beside reference answers. The score is the mean of all grades of both turns, its interval by bootstrap over questions; answers are drawn at MT-Bench's temperature of each category: .7 for writing and roleplay, .1 for stem and humanities, 0 for the others of its eight, and .7 for the mini world's. The oracle's overall reward r in [−1, 1], which needs no references, counts as 5.5 + 4.5 r marks, a reward model's score r as 1 + 9 σ(r); a language model as judge gives marks from 1 to 10 itself.`,
          columns: [{ name: "score" }, { name: "first turn" }, { name: "second turn" }, { name: "unparsed" }],
          rows: rows.map(({ arm, scores: { first, second, both, unparsed } }) => ({
            label: arm.name,
            cells: [both, first, second, String(unparsed)],
          })),
        },
        categoryTable(rows),
      ],
      plots: [],
      claims: [],
      notes: [],
    };
  },
};
