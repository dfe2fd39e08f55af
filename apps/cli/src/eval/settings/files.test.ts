// Files of preferences as a setting: which prompts and pairs are drawn, and what TruthfulQA is asked with.
import { writeFile } from "node:fs/promises";
import { createEndpoint, createEndpointJudge, defaultTemplates } from "@dual-head/eval";
import { startTestEndpoint } from "@dual-head/eval/testing";
import { sharedAsset } from "@dual-head/repo-tools";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing/folder.ts";
import { createFilesSetting } from "./files.ts";
import { exchangeOf } from "./setting.ts";

const transcript = (topic: string, at: number, answer: string) =>
  `\n\nHuman: What of ${topic} ${at}?\n\nAssistant: It is ${answer}.`;

describe("files setting", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    for (const topic of ["helpful", "harmless"]) {
      const lines = Array.from({ length: 53 }, (_, at) =>
        JSON.stringify({ chosen: transcript(topic, at, "good"), rejected: transcript(topic, at, "bad") }),
      );
      // A prompt that comes twice is one prompt.
      await writeFile(`${folder.path}/${topic}.jsonl`, `${[...lines, lines[0]].join("\n")}\n`);
    }
    await writeFile(
      `${folder.path}/questions.csv`,
      [
        "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source",
        "Adversarial,Stars,Is it far?,Yes,It is; Yes,No; Never,nowhere",
      ].join("\n"),
    );
  });
  afterAll(() => folder.remove());
  const files = () => ["helpful", "harmless"].map((topic) => `${folder.path}/${topic}.jsonl`);
  const open = () =>
    createFilesSetting(
      {
        kind: "files",
        preferences: { overall: files() },
        prompts: files(),
        validationPrompts: files(),
        truthfulQa: `${folder.path}/questions.csv`,
      },
      () => Promise.reject(new Error("no scorer")),
    );

  it("draws prompts and pairs of all files by seed", async () => {
    const setting = open();
    const texts = async (seed: number) => (await setting.prompts("test", 17, seed)).map(({ text }) => text);
    const drawn = await texts(1);
    expect(new Set(drawn).size).toBe(17);
    for (const topic of ["helpful", "harmless"]) expect(drawn.some((text) => text.includes(topic))).toBe(true);
    expect(await texts(1)).toEqual(drawn);
    expect(await texts(2)).not.toEqual(drawn);
    const prompts = (await setting.pairs("overall", 19, 1)).map(({ prompt }) => prompt.join(""));
    expect(prompts.length).toBe(19);
    for (const topic of ["helpful", "harmless"]) expect(prompts.some((text) => text.includes(topic))).toBe(true);
  });

  it("has no prompt in both splits of one file, whatever the seeds", async () => {
    const setting = open();
    const test = (await setting.prompts("test", 1000, 1)).map(({ text }) => text);
    const validation = (await setting.prompts("validation", 1000, 2)).map(({ text }) => text);
    expect(validation.filter((text) => test.includes(text))).toEqual([]);
    expect(test.length + validation.length).toBe(2 * 53);
    expect(Math.min(test.length, validation.length)).toBeGreaterThan(30);
  });

  it("asks TruthfulQA with the published primer, the best answer first", async () => {
    const [question] = await open().choices();
    expect(question!.prompt).toMatch(/^Q: What is human life expectancy[\s\S]*\n\nQ: Is it far\?\nA:$/);
    expect(question!.trueAnswers).toEqual([" Yes.", " It is."]);
    expect(question!.falseAnswers).toEqual([" No.", " Never."]);
    expect(question!.references).toEqual({
      correct: ["It is.", "Yes.", "I have no comment."],
      incorrect: ["No.", "Never."],
    });
  });
});

const mtBench = sharedAsset("data/mt_bench");

describe.skipIf(mtBench === null)("files setting with MT-Bench as it is published", () => {
  const files = {
    questions: `${mtBench}/question.jsonl`,
    references: `${mtBench}/reference_gpt-4.jsonl`,
    judgePrompts: `${mtBench}/judge_prompts.jsonl`,
  };
  const open = (given: { readonly questions: string; readonly references?: string; readonly judgePrompts?: string }) =>
    createFilesSetting({ kind: "files", preferences: { overall: ["none"] }, prompts: ["none"], mtBench: given }, () =>
      Promise.reject(new Error("no scorer")),
    );

  it("asks 80 questions, each at its category's temperature, with references for math, reasoning and coding alone", async () => {
    const questions = await open(files).twoTurns(300, 1);
    expect(questions).toHaveLength(80);
    for (const { category, manner, references, turns } of questions) {
      const isCool = ["math", "reasoning", "coding", "extraction"].includes(category);
      expect(manner.temperature).toBe(isCool ? 0 : category === "stem" || category === "humanities" ? 0.1 : 0.7);
      expect(references !== null).toBe(isCool && category !== "extraction");
      expect(turns).toHaveLength(2);
      if (references !== null) expect(references).toHaveLength(2);
    }
    expect(
      (await open({ questions: files.questions }).twoTurns(80, 1)).every(({ references }) => references === null),
    ).toBe(true);
  });

  it("asks fewer of every category alike, in the order of the file", async () => {
    const questions = await open(files).twoTurns(20, 1);
    const categories = questions.map(({ category }) => category);
    const counts = [...new Set(categories)].map((name) => categories.filter((each) => each === name).length);
    expect(counts).toEqual([3, 3, 3, 3, 2, 2, 2, 2]);
    const ids = questions.map(({ id }) => Number(id));
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  });

  it("shows a judge the published prompts, with references where there are some", async () => {
    const templates = await open(files).gradeTemplates();
    await using server = await startTestEndpoint(() => ({ content: "Fine. [[7]]" }));
    const endpoint = createEndpoint({ baseUrl: server.baseUrl, model: "judge", keyVariable: null });
    const judge = createEndpointJudge({ endpoint, templates: [...templates, ...defaultTemplates] });
    const questions = await open(files).twoTurns(80, 1);
    const exchanges = questions.flatMap(({ turns, references }) =>
      [1, 2].map((count) => ({
        ...exchangeOf({ turns: count === 1 ? [turns[0]] : [turns[0], "one", turns[1]] }, "two"),
        ...(references === null ? {} : { references: references.slice(0, count) }),
      })),
    );
    const grades = await judge.grade!(exchanges);
    expect(grades.map(({ score }) => score)).toEqual(exchanges.map(() => 7));
    const asked = server.requests.map(({ body }) => body.messages.map(({ content }) => content).join("\n"));
    const referring = asked.filter((text) => text.includes("Reference Answer"));
    expect([asked.length, referring.length]).toEqual([160, 60]);
  });
});
