// Files of preferences as a setting: which prompts and pairs are drawn, and what TruthfulQA is asked with.
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing/folder.ts";
import { createFilesSetting } from "./files.ts";

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
  });
});
