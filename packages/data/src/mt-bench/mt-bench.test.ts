// MT-Bench's files: the published ones whole, round trips, places of errors.
import { sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readMtBenchAnswers, readMtBenchJudgePrompts, readMtBenchJudgments, readMtBenchQuestions } from "../index.ts";
import { createDataFolder, toJsonl } from "../testing/data-folder.ts";

const createFile = createDataFolder();

const text = fc.string({ unit: "grapheme" });
const twoTexts = fc.tuple(text, text);
const id = fc.nat(2 ** 40);

describe("MT-Bench's readers", () => {
  it("read questions back, in order", async () => {
    const questions = fc.uniqueArray(
      fc.record({ id, category: text, turns: twoTexts, reference: fc.option(twoTexts) }),
      { minLength: 1, maxLength: 5, selector: (each) => each.id },
    );
    await fc.assert(
      fc.asyncProperty(questions, async (given) => {
        const rows = given.map(({ id, category, turns, reference }) => ({
          question_id: id,
          category,
          turns,
          ...(reference === null ? {} : { reference }),
        }));
        expect(await readMtBenchQuestions(await createFile("question.jsonl", toJsonl(rows)))).toEqual(given);
      }),
      { seed: 131, numRuns: 100 },
    );
  });

  it("read answers, prompts and judgments back, in order", async () => {
    const choices = fc.array(fc.record({ turns: twoTexts }), { minLength: 1, maxLength: 2 });
    const answers = fc.uniqueArray(fc.record({ questionId: id, model: text, choices }), {
      minLength: 1,
      maxLength: 4,
      selector: ({ questionId, model }) => `${questionId} ${model}`,
    });
    const prompts = fc.uniqueArray(
      fc.record({
        name: text,
        type: fc.constantFrom("single" as const, "pairwise" as const),
        systemPrompt: text,
        promptTemplate: text,
        description: text,
        category: text,
        outputFormat: text,
      }),
      { minLength: 1, maxLength: 4, selector: ({ name }) => name },
    );
    const judgments = fc.array(
      fc.record({
        questionId: id,
        model: text,
        judge: fc.record({ model: text, promptName: text }),
        turn: fc.integer({ min: 1, max: 2 }),
        score: fc.option(fc.double({ min: 0, max: 10, noNaN: true })),
        userPrompt: fc.option(text),
        judgment: fc.option(text),
      }),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(answers, prompts, judgments, async (givenAnswers, givenPrompts, givenJudgments) => {
        const answerRows = givenAnswers.map(({ questionId, model, choices }) => ({
          question_id: questionId,
          answer_id: "x",
          model_id: model,
          choices: choices.map(({ turns }, index) => ({ index, turns })),
        }));
        const promptRows = givenPrompts.map((each) => ({
          name: each.name,
          type: each.type,
          system_prompt: each.systemPrompt,
          prompt_template: each.promptTemplate,
          description: each.description,
          category: each.category,
          output_format: each.outputFormat,
        }));
        const judgmentRows = givenJudgments.map((each) => ({
          question_id: each.questionId,
          model: each.model,
          judge: [each.judge.model, each.judge.promptName],
          user_prompt: each.userPrompt,
          judgment: each.judgment,
          score: each.score ?? -1,
          turn: each.turn,
        }));
        expect(await readMtBenchAnswers(await createFile("answer.jsonl", toJsonl(answerRows)))).toEqual(givenAnswers);
        expect(await readMtBenchJudgePrompts(await createFile("prompt.jsonl", toJsonl(promptRows)))).toEqual(
          givenPrompts,
        );
        const read = await readMtBenchJudgments(await createFile("judgment.jsonl", toJsonl(judgmentRows)));
        // JSON has no negative zero.
        expect(read).toEqual(givenJudgments.map((each) => ({ ...each, score: each.score === 0 ? 0 : each.score })));
      }),
      { seed: 132, numRuns: 100 },
    );
  });

  it("name the line and the field of what is malformed", async () => {
    const question = { question_id: 1, category: "a", turns: ["b", "c"] };
    const answer = { question_id: 1, model_id: "a", choices: [{ index: 0, turns: ["b", "c"] }] };
    const prompt = {
      name: "a",
      type: "single",
      system_prompt: "",
      prompt_template: "{question}",
      description: "",
      category: "general",
      output_format: "[[rating]]",
    };
    const judgment = { question_id: 1, model: "a", judge: ["b", "single-v1"], score: 3, turn: 1 };
    type Case = readonly [(path: string) => Promise<unknown>, object, object, string];
    const cases: readonly Case[] = [
      [readMtBenchQuestions, question, question, "question_id"],
      [readMtBenchQuestions, question, { ...question, question_id: -1 }, "question_id"],
      [readMtBenchQuestions, question, { ...question, question_id: 2, turns: [] }, "turns"],
      [readMtBenchQuestions, question, { ...question, question_id: 2, turns: ["b", 1] }, "turns[1]"],
      [readMtBenchQuestions, question, { ...question, question_id: 2, reference: ["b"] }, "reference"],
      [readMtBenchAnswers, answer, answer, "question_id"],
      [readMtBenchAnswers, answer, { ...answer, choices: [] }, "choices"],
      [readMtBenchAnswers, answer, { ...answer, choices: [5] }, "choices[0]"],
      [readMtBenchAnswers, answer, { ...answer, choices: [{ turns: "b" }] }, "choices[0].turns"],
      [readMtBenchAnswers, answer, { ...answer, choices: [{}] }, "choices[0].turns"],
      [readMtBenchAnswers, answer, { ...answer, model_id: undefined }, "model_id"],
      [readMtBenchJudgePrompts, prompt, prompt, "name"],
      [readMtBenchJudgePrompts, prompt, { ...prompt, type: "triple" }, "type"],
      [readMtBenchJudgments, judgment, { ...judgment, score: 11 }, "score"],
      [readMtBenchJudgments, judgment, { ...judgment, score: "3" }, "score"],
      [readMtBenchJudgments, judgment, { ...judgment, turn: 0 }, "turn"],
      [readMtBenchJudgments, judgment, { ...judgment, judge: ["b"] }, "judge"],
    ];
    for (const [read, sound, bad, field] of cases) {
      const path = await createFile("bad.jsonl", toJsonl([sound, bad]));
      await expect(read(path)).rejects.toMatchObject({ name: "DataError", line: 2, field });
    }
    await expect(readMtBenchQuestions(await createFile("empty.jsonl", "\n"))).rejects.toThrow(/it has no rows/);
  });
});

const folder = sharedAsset("data/mt_bench");

describe.skipIf(folder === null)("MT-Bench itself", () => {
  it("has the questions, references and prompts that were counted apart", async () => {
    const questions = await readMtBenchQuestions(`${folder}/question.jsonl`);
    expect(questions).toHaveLength(80);
    expect(questions.filter(({ reference }) => reference !== null)).toHaveLength(39);
    for (const { turns } of questions) expect(turns).toHaveLength(2);
    expect(new Set(questions.map(({ category }) => category)).size).toBe(8);
    const first = await readMtBenchQuestions(`${folder}/vicuna_bench_question.jsonl`);
    expect(first.map(({ turns }) => turns.length)).toEqual(Array(80).fill(1));
    const references = await readMtBenchAnswers(`${folder}/reference_gpt-4.jsonl`);
    const categories = new Map(questions.map(({ id, category }) => [id, category]));
    expect(references).toHaveLength(30);
    expect(new Set(references.map(({ questionId }) => categories.get(questionId)))).toEqual(
      new Set(["math", "reasoning", "coding"]),
    );
    const prompts = await readMtBenchJudgePrompts(`${folder}/judge_prompts.jsonl`);
    expect(prompts.map(({ type }) => type)).toEqual([...Array(4).fill("pairwise"), ...Array(4).fill("single")]);
  });

  it("has answers of eight models", async () => {
    const models = ["alpaca-13b", "gpt-3.5-turbo", "llama-13b", "vicuna-7b-v1.3", "mistral-orpo"];
    for (const model of [...models, "mistral-orpo-capybara", "mistral-orpo-mix", "mistral-orpo-trl"]) {
      const answers = await readMtBenchAnswers(`${folder}/model_answer/${model}.jsonl`);
      expect(answers).toHaveLength(80);
      for (const { model: name, choices } of answers) {
        expect([name, choices.length, choices[0]!.turns.length]).toEqual([model, 1, 2]);
      }
    }
  });

  it("has judgments of four models, one of which has no grade", async () => {
    const judgments = await readMtBenchJudgments(`${folder}/model_judgment/gpt-4_single.mistral-orpo.jsonl`);
    expect(judgments).toHaveLength(800);
    expect(new Set(judgments.map(({ model }) => model)).size).toBe(4);
    expect(judgments.filter(({ score }) => score === null)).toHaveLength(1);
    const prompts = new Set((await readMtBenchJudgePrompts(`${folder}/judge_prompts.jsonl`)).map(({ name }) => name));
    for (const { judge, turn } of judgments) {
      expect(prompts.has(judge.promptName)).toBe(true);
      expect(judge.promptName.endsWith("multi-turn")).toBe(turn === 2);
    }
  });
});
