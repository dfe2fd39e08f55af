// MT-Bench: two questions, the second after the model's own answer to the first; each answer graded by the judge.
import type { Grade, Judge } from "@dual-head/eval";
import type { Arm, MethodId } from "../arm.ts";
import type { Figure } from "../figures.ts";
import { type EvalPrompt, exchangeOf, transcriptOf } from "../settings/setting.ts";
import { meanFigure } from "./compare.ts";
import { armOf, type Suite, type SuiteContext } from "./context.ts";

const methods: readonly MethodId[] = ["base", "dual-head", "dpo", "simpo", "genarm", "args"];

/** Scores of an arm on two-turn questions. */
export interface TwoTurnScores {
  readonly first: Figure;
  readonly second: Figure;
  /** The mean over both turns of each question. */
  readonly both: Figure;
  /** Answers whose grade could not be understood. */
  readonly unparsed: number;
}

/** Answers both turns and has them graded, from 1 to 10. */
export async function scoreTwoTurns(context: SuiteContext, arm: Arm, count: number): Promise<TwoTurnScores> {
  const { bench, config, setting, judge, signal } = context;
  const questions = await setting.twoTurns(count, config.seed);
  const promptsOf = (turns: readonly (readonly string[])[]): readonly EvalPrompt[] =>
    turns.map((own) => ({ turns: own, text: transcriptOf(own) }));
  const opening = promptsOf(questions.map(({ turns }) => [turns[0]]));
  const first = (await bench.run(arm, opening)).map(({ answer }) => answer.trim());
  const following = promptsOf(questions.map(({ turns }, at) => [turns[0], first[at]!, turns[1]]));
  const second = (await bench.run(arm, following)).map(({ answer }) => answer.trim());
  const grades = await gradeAll(
    judge,
    [
      ...opening.map((prompt, at) => exchangeOf(prompt, first[at]!)),
      ...following.map((prompt, at) => exchangeOf(prompt, second[at]!)),
    ],
    signal,
  );
  const scores = grades.map(({ score }) => (score === null ? null : onTenPoints(score, judge)));
  const [one, two] = [scores.slice(0, questions.length), scores.slice(questions.length)];
  const known = (values: readonly (number | null)[]) => values.flatMap((value) => value ?? []);
  return {
    first: meanFigure(known(one)),
    second: meanFigure(known(two)),
    both: meanFigure(one.flatMap((value, at) => (value === null || two[at] == null ? [] : [(value + two[at]!) / 2]))),
    unparsed: scores.filter((score) => score === null).length,
  };
}

async function gradeAll(
  judge: Judge,
  exchanges: Parameters<NonNullable<Judge["grade"]>>[0],
  signal: AbortSignal,
): Promise<readonly Grade[]> {
  if (judge.grade === undefined) {
    throw new Error(`Cannot grade two turns: the judge ${judge.name} only compares; configure one that grades`);
  }
  return judge.grade(exchanges, { signal });
}

/** The oracle's rewards in [−1, 1] as marks from 1 to 10; other judges give marks themselves. */
function onTenPoints(score: number, judge: Judge): number {
  return judge.name === "oracle" ? 5.5 + 4.5 * score : score;
}

/** The suite named after MT-Bench. */
export const mtBenchSuite: Suite = {
  name: "mt-bench",
  title: "MT-Bench: two turns, graded",
  arms: (config, setting) => methods.map((method) => armOf(config, setting, method)),
  async run(context) {
    const rows = [];
    for (const arm of mtBenchSuite.arms(context.config, context.setting)) {
      rows.push({ arm, scores: await scoreTwoTurns(context, arm, Math.min(80, context.config.prompts)) });
    }
    return {
      suite: "mt-bench",
      title: mtBenchSuite.title,
      tables: [
        {
          title: "Scores by turn",
          caption:
            "The score is the mean over both turns, answered at the temperature of the configuration and graded without references. The oracle's overall reward r in [−1, 1] counts as 5.5 + 4.5 r marks; a language model as judge gives marks from 1 to 10 itself.",
          columns: [{ name: "score" }, { name: "first turn" }, { name: "second turn" }, { name: "unparsed" }],
          rows: rows.map(({ arm, scores: { first, second, both, unparsed } }) => ({
            label: arm.name,
            cells: [both, first, second, String(unparsed)],
          })),
        },
      ],
      plots: [],
      claims: [],
      notes: [],
    };
  },
};
