// The generator: the same on every machine, splits apart, many prompts, good and bad evenly.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sentencesOf, understand } from "../grammar/sentence.ts";
import { judge, questionOf } from "../oracle/oracle.ts";
import { cellsOf, topicsOf } from "../split.ts";
import { topics } from "../topics/index.ts";
import { drawAnswerText, drawPrompt, drawTranscript, streamOf } from "./dialogue.ts";
import { drawPreference } from "./preferences.ts";

const seed = 13;

describe("drawTranscript()", () => {
  it("is the same for a seed on every machine", () => {
    const hash = createHash("sha256");
    for (let index = 0; index < 500; index++) hash.update(`${drawTranscript(1, index)}\0`);
    expect(hash.digest("hex")).toBe("1319c4608d81889214028f480425450c469947aa50a7584042fad940ce689838");
  });

  it("differs by seed and number", () => {
    const texts = new Set(
      [1, 2].flatMap((each) => Array.from({ length: 200 }, (_, index) => drawTranscript(each, index))),
    );
    expect(texts.size).toBeGreaterThan(395);
  });
});

describe("drawPrompt()", () => {
  it("asks no question of the test split in training, nor the reverse", () => {
    for (const split of ["train", "test"] as const) {
      for (let index = 0; index < 2000; index++) {
        const { question } = drawPrompt(split, streamOf(seed, split, index));
        expect(topicsOf(split)).toContain(question.topic);
      }
    }
  });

  it("parts the topics, each with every intent", () => {
    expect([...topicsOf("train"), ...topicsOf("test")].sort((a, b) => a - b)).toEqual([...topics.keys()]);
    expect([topicsOf("train").length, topicsOf("test").length]).toEqual([9, 3]);
    expect([cellsOf("train").length, cellsOf("test").length, cellsOf("all").length]).toEqual([63, 21, 84]);
  });

  it("has hundreds of prompts to test on, in every cell", () => {
    const drawn = Array.from({ length: 1000 }, (_, index) => drawPrompt("test", streamOf(seed, "tests", index)));
    expect(new Set(drawn.map(({ text }) => text)).size).toBeGreaterThan(800);
    expect(new Set(drawn.map(({ question: { topic, intent } }) => `${topic} ${intent}`)).size).toBe(21);
  });

  it("has tens of thousands of prompts", () => {
    const prompts = new Set(
      Array.from({ length: 30_000 }, (_, index) => drawPrompt("train", streamOf(seed, "many", index)).text),
    );
    // Of draws with replacement; those met twice are short ones.
    expect(prompts.size).toBeGreaterThan(18_000);
  });
});

describe("drawPreference()", () => {
  it("says nothing of a topic that is held out", () => {
    for (let index = 0; index < 1000; index++) {
      const { prompt, chosen, rejected } = drawPreference(seed, index, "helpful");
      for (const sentence of [...prompt.turns.slice(1, -1), chosen, rejected].flatMap(sentencesOf)) {
        const move = understand(sentence);
        if (move?.kind === "unit") expect(topicsOf("train")).toContain(move.unit.topic);
      }
    }
  });
});

describe("drawAnswerText()", () => {
  it("is good and bad about evenly, helpful and harmless on their own", () => {
    const verdicts = Array.from({ length: 4000 }, (_, index) => {
      const random = streamOf(seed, "even", index);
      const { text, question } = drawPrompt("train", random);
      return judge(text, drawAnswerText(question, random));
    });
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const [helpful, harmless] = [verdicts.map((v) => v.helpful), verdicts.map((v) => v.harmless)];
    expect(Math.abs(mean(helpful))).toBeLessThan(0.15);
    expect(Math.abs(mean(harmless))).toBeLessThan(0.15);
    const [mh, ms] = [mean(helpful), mean(harmless)];
    const covariance = mean(helpful.map((h, at) => (h - mh) * (harmless[at]! - ms)));
    const deviation = (values: readonly number[], m: number) => Math.sqrt(mean(values.map((v) => (v - m) ** 2)));
    expect(Math.abs(covariance / (deviation(helpful, mh) * deviation(harmless, ms)))).toBeLessThan(0.3);
  });

  it("answers what questionOf() understands", () => {
    const { text, question } = drawPrompt("test", streamOf(seed, "understood", 1));
    expect(questionOf(text)?.subject).toEqual(question.subject);
  });
});
