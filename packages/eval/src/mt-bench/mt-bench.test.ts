// MT-Bench: means by hand and of the published judgments, grades read again from what the judge wrote.
import { readMtBenchJudgments, readMtBenchQuestions } from "@dual-head/data";
import { sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRating } from "../judges/endpoint/verdicts/rating.ts";
import { mtBenchScore, type TurnGrade } from "./score.ts";
import { mtBenchNeedsReference, mtBenchTemperature } from "./settings.ts";

const options = { seed: 20261202, resamples: 99 };
const categoryOf = (id: number) => ["writing", "math"][id % 2]!;
const grade: fc.Arbitrary<TurnGrade> = fc.record({
  questionId: fc.integer({ min: 0, max: 7 }),
  turn: fc.integer({ min: 1, max: 2 }),
  score: fc.option(fc.integer({ min: 1, max: 10 })),
});
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("mtBenchScore()", () => {
  it("is the mean over all grades that were parsed, in each turn and category", () => {
    fc.assert(
      fc.property(fc.array(grade, { minLength: 1, maxLength: 31 }), (grades) => {
        const { score, questions, graded, unparsed, turns, categories } = mtBenchScore(grades, categoryOf, options);
        const scores = (keep: (each: TurnGrade) => boolean) =>
          grades.filter(keep).flatMap((each) => (each.score === null ? [] : [each.score]));
        expect([graded, unparsed]).toEqual([scores(() => true).length, grades.length - scores(() => true).length]);
        if (graded === 0) {
          expect([score, questions, turns, categories]).toEqual([null, 0, [], []]);
          return;
        }
        expect(score!.mean).toBeCloseTo(meanOf(scores(() => true)), 12);
        expect(score!.low).toBeLessThanOrEqual(score!.mean + 1e-12);
        expect(score!.high).toBeGreaterThanOrEqual(score!.mean - 1e-12);
        for (const { name, mean, count } of turns) {
          expect(mean).toBeCloseTo(meanOf(scores(({ turn }) => String(turn) === name)), 12);
          expect(count).toBe(scores(({ turn }) => String(turn) === name).length);
        }
        for (const { name, mean } of categories) {
          expect(mean).toBeCloseTo(meanOf(scores(({ questionId }) => categoryOf(questionId) === name)), 12);
        }
        expect(categories.reduce((sum, { count }) => sum + count, 0)).toBe(graded);
      }),
      { seed: options.seed },
    );
  });

  it("does not move with judgments that were not parsed: they are no grade of 0 or 5", () => {
    const grades: readonly TurnGrade[] = [8, 2, null, null].map((score, at) => ({
      questionId: at >> 1,
      turn: 1,
      score,
    }));
    expect(mtBenchScore(grades, categoryOf, options)).toMatchObject({ score: { mean: 5 }, unparsed: 2, questions: 1 });
  });

  it("draws questions with both turns: turns that vary alike make a wider interval", () => {
    const grades = (same: boolean) =>
      Array.from({ length: 80 }, (_, at) => ({
        questionId: at >> 1,
        turn: 1 + (at % 2),
        score: (same ? at >> 1 : at) % 2 === 0 ? 3 : 9,
      }));
    const width = (same: boolean) => {
      const { low, high } = mtBenchScore(grades(same), categoryOf, options).score!;
      return high - low;
    };
    expect(width(true)).toBeGreaterThan(1);
    expect(width(false)).toBe(0);
  });

  it("refuses no judgments and grades off the scale", () => {
    expect(() => mtBenchScore([], categoryOf, options)).toThrow(/there are no judgments; give those of one model/);
    const bad = { questionId: 1, turn: 1, score: 11 };
    expect(() => mtBenchScore([bad], categoryOf, options)).toThrow(/grade 0 is 11; give null or 0 to 10/);
    expect(() => mtBenchScore([{ ...bad, turn: 0 }], categoryOf, options)).toThrow(/turn is 0/);
  });
});

const folder = sharedAsset("data/mt_bench");

describe.skipIf(folder === null)("MT-Bench's published judgments", () => {
  it("have the means of four models that MT-Bench's own table computes of them", async () => {
    const judgments = await readMtBenchJudgments(`${folder}/model_judgment/gpt-4_single.mistral-orpo.jsonl`);
    const questions = new Map((await readMtBenchQuestions(`${folder}/question.jsonl`)).map((each) => [each.id, each]));
    const scoreOf = (model: string) =>
      mtBenchScore(
        judgments.filter((each) => each.model === model),
        (id) => questions.get(id)!.category,
        options,
      );
    expect(new Set(judgments.map(({ model }) => model)).size).toBe(4);
    // The mean of the column `score` without −1, grouped by model, then by model and turn.
    const expected = [
      ["mistral-orpo", 5.858934169278997, 319, 1],
      ["mistral-orpo-capybara", 6.81875, 160, 0],
      ["mistral-orpo-mix", 6.003125, 160, 0],
      ["mistral-orpo-trl", 7.165625, 160, 0],
    ] as const;
    for (const [model, mean, graded, unparsed] of expected) {
      const score = scoreOf(model);
      expect(score.score!.mean).toBeCloseTo(mean, 12);
      expect([score.graded, score.unparsed, score.questions]).toEqual([graded, unparsed, 80]);
      expect(score.categories).toHaveLength(8);
    }
    const turns = scoreOf("mistral-orpo-trl").turns.map(({ name, mean }) => [name, mean]);
    expect(turns).toEqual([
      ["1", 7.73125],
      ["2", 6.6],
    ]);
  });

  it("are read again from the judge's words: the same grade for all 800", async () => {
    const judgments = await readMtBenchJudgments(`${folder}/model_judgment/gpt-4_single.mistral-orpo.jsonl`);
    const read = judgments.map(({ judgment }) => parseRating(judgment!, { least: 1, most: 10 }));
    expect(read).toEqual(judgments.map(({ score }) => score));
    expect(read).toHaveLength(800);
  });

  it("have categories whose temperature and references are known", async () => {
    const questions = await readMtBenchQuestions(`${folder}/question.jsonl`);
    const of = (keep: (category: string) => boolean) =>
      [...new Set(questions.map(({ category }) => category).filter(keep))].sort();
    expect(of((category) => mtBenchTemperature(category) === 0.7)).toEqual(["roleplay", "writing"]);
    expect(of((category) => mtBenchTemperature(category) === 0.1)).toEqual(["humanities", "stem"]);
    expect(of((category) => mtBenchTemperature(category) === 0)).toEqual(["coding", "extraction", "math", "reasoning"]);
    expect(of(mtBenchNeedsReference)).toEqual(["coding", "math", "reasoning"]);
    expect(mtBenchTemperature("of our own")).toBe(0.7);
  });
});
