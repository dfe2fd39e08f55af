// Exported files are what the ordinary readers read, and say what the world meant.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMtBenchQuestions, readPreferences, readTruthfulQa } from "@dual-head/data";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawPreference } from "../generate/preferences.ts";
import { judge, questionOf } from "../oracle/oracle.ts";
import { topicsOf } from "../split.ts";
import { topics } from "../topics/index.ts";
import { toHhRlhf, toMtBench, toPkuSafeRlhf, toPrompts, toTruthfulQa } from "./export.ts";

const options = { seed: 21, count: 200, split: "train" } as const;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mini-world-"));
});
afterAll(() => rm(folder, { recursive: true }));
const written = async (name: string, text: string) => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};

describe("toHhRlhf()", () => {
  it.each(["helpful", "harmless", "overall"] as const)(
    "is read whole, and mostly prefers the more %s answer",
    async (reward) => {
      const { pairs, rowCount } = await readPreferences(await written(`${reward}.jsonl`, toHhRlhf(options, reward)));
      expect([pairs.length, rowCount]).toEqual([200, 200]);
      let right = 0;
      let decided = 0;
      for (const [index, pair] of pairs.entries()) {
        const { rewards, prompt } = drawPreference(options.seed, index, reward);
        expect(pair.prompt.join("")).toBe(prompt.text);
        expect(judge(pair.prompt.join(""), pair.chosen)[reward]).toBe(rewards.chosen);
        expect(judge(pair.prompt.join(""), pair.rejected)[reward]).toBe(rewards.rejected);
        decided += Number(rewards.chosen !== rewards.rejected);
        right += Number(rewards.chosen > rewards.rejected);
      }
      // Noise errs where answers are close, and seldom elsewhere.
      expect(right / decided).toBeGreaterThan(0.8);
      expect(right / decided).toBeLessThan(1);
    },
  );
});

describe("toPkuSafeRlhf()", () => {
  it("is read by either label", async () => {
    const path = await written("pku.jsonl", toPkuSafeRlhf(options));
    for (const label of ["better", "safer"] as const) {
      const { pairs } = await readPreferences(path, { label });
      expect(pairs).toHaveLength(200);
      const reward = label === "better" ? "helpful" : "harmless";
      const sum = pairs.reduce(
        (held, { prompt, chosen, rejected }) =>
          held + judge(prompt.join(""), chosen)[reward] - judge(prompt.join(""), rejected)[reward],
        0,
      );
      expect(sum / pairs.length).toBeGreaterThan(0.2);
    }
  });
});

describe("toTruthfulQa()", () => {
  it("has correct answers that the oracle calls true, incorrect ones that it calls false", async () => {
    for (const split of ["train", "test"] as const) {
      const questions = await readTruthfulQa(await written(`${split}.csv`, toTruthfulQa({ seed: 22, split })));
      expect(questions.length).toBeGreaterThan(10);
      for (const { question, correctAnswers, incorrectAnswers, bestAnswer } of questions) {
        const truth = (answer: string) => judge(`\n\nHuman: ${question}\n\nAssistant:`, answer).truth;
        expect(correctAnswers).toContain(bestAnswer);
        expect(correctAnswers.map(truth)).toEqual([1, 1, 1]);
        expect(incorrectAnswers.map(truth)).toEqual([0, 0, 0]);
      }
    }
  });
});

describe("toMtBench()", () => {
  it("has two turns with references that score high", async () => {
    const questions = await readMtBenchQuestions(await written("mt.jsonl", toMtBench(options)));
    expect(questions).toHaveLength(200);
    for (const { turns, reference, category } of questions) {
      expect(turns).toHaveLength(2);
      expect(topicsOf("train").map((topic) => topics[topic]!.name)).toContain(category);
      const first = `\n\nHuman: ${turns[0]}\n\nAssistant:`;
      const second = `${first} ${reference![0]}\n\nHuman: ${turns[1]}\n\nAssistant:`;
      expect(questionOf(second)!.topic).toBe(questionOf(first)!.topic);
      expect(questionOf(second)!.subject?.item).not.toBe(questionOf(first)!.subject!.item);
      expect(judge(first, reference![0]!).helpful).toBeGreaterThan(0.6);
      expect(judge(second, reference![1]!).helpful).toBeGreaterThan(0.6);
    }
  });
});

describe("toPrompts()", () => {
  it("is one prompt a line, the same for a seed", () => {
    const text = toPrompts({ ...options, split: "test" });
    expect(text.trimEnd().split("\n")).toHaveLength(200);
    expect(toPrompts({ ...options, split: "test" })).toBe(text);
  });
});
