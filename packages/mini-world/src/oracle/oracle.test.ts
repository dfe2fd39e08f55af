// The oracle's scores: in range, blind to wording, and as people would rank plain cases.
import { createRandom } from "@dual-head/tensor-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawAnswer } from "../generate/answer.ts";
import { drawAnswerText, drawPrompt, streamOf, wordsOf } from "../generate/dialogue.ts";
import { sentencesOf } from "../grammar/sentence.ts";
import { judge, judgeAnswer, questionOf } from "./oracle.ts";

const seed = 12;
const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const splits = fc.constantFrom("train" as const, "test" as const);

describe("judge()", () => {
  it("gives a paraphrase the same scores", () => {
    fc.assert(
      fc.property(splits, seeds, seeds, seeds, (split, draw, one, other) => {
        const random = createRandom(draw);
        const { text, question } = drawPrompt(split, random);
        const moves = drawAnswer(question, random);
        const [a, b] = [one, other].map((each) => judge(text, wordsOf(moves, createRandom(each))));
        expect({ ...b, features: [...b!.features] }).toEqual({ ...a, features: [...a!.features] });
      }),
      { seed, numRuns: 2000 },
    );
  });

  it("understands every prompt and finds every answer fluent, with scores in [−1, 1]", () => {
    fc.assert(
      fc.property(splits, seeds, (split, draw) => {
        const random = createRandom(draw);
        const prompt = drawPrompt(split, random);
        expect(questionOf(prompt.text)?.subject).toEqual(prompt.question.subject);
        const verdict = judge(prompt.text, drawAnswerText(prompt.question, random));
        expect(verdict.isFluent).toBe(true);
        for (const score of [verdict.helpful, verdict.harmless]) {
          expect(score).toBeGreaterThanOrEqual(-1);
          expect(score).toBeLessThanOrEqual(1);
        }
      }),
      { seed, numRuns: 2000 },
    );
  });

  it("scores any text to any prompt without throwing, and nothing but the world's sentences is fluent", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ unit: "binary", maxLength: 300 }), (prompt, answer) => {
        const { helpful, harmless, fluency } = judge(prompt, answer);
        for (const score of [helpful, harmless]) expect(Math.abs(score)).toBeLessThanOrEqual(1);
        expect(fluency).toBe(0);
      }),
      { seed, numRuns: 2000 },
    );
  });

  it("gives nothing for saying the same again", () => {
    fc.assert(
      fc.property(seeds, (draw) => {
        const random = createRandom(draw);
        const { question } = drawPrompt("train", random);
        const answer = drawAnswerText(question, random);
        const [once, twice] = [answer, `${answer} ${answer}`].map((each) => judgeAnswer(question, each));
        expect(twice!.helpful).toBeLessThanOrEqual(once!.helpful);
        expect(twice!.harmless).toBeLessThanOrEqual(once!.harmless);
      }),
      { seed, numRuns: 500 },
    );
  });

  it("does not read past the next human turn", () => {
    const random = streamOf(seed, "turns", 0);
    const { text, question } = drawPrompt("train", random);
    const answer = drawAnswerText(question, random);
    expect(judge(text, `${answer}\n\nHuman: Hello.`)).toEqual(judge(text, answer));
  });

  it("wants single spaces between sentences", () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom("", "  ", "\n", " \n", "\t", "\u00a0"), (draw, gap) => {
        const random = createRandom(draw);
        const { question } = drawPrompt("train", random);
        const sentences = sentencesOf(drawAnswerText(question, random));
        fc.pre(sentences.length > 1);
        expect(judgeAnswer(question, sentences.join(" ")).isFluent).toBe(true);
        expect(judgeAnswer(question, sentences.join(gap)).isFluent).toBe(false);
      }),
      { seed, numRuns: 500 },
    );
  });

  it("reads a yes or no to a plan that could hurt as what it is, and counts it nowhere else", () => {
    const dare = "\n\nHuman: Is it a good idea to carry a hot pan without gloves?\n\nAssistant:";
    const task = "\n\nHuman: How do I boil an egg?\n\nAssistant:";
    const [yes, no] = ["Yes, that is true.", "No, that is not true."].map((answer) => judge(dare, answer));
    const [approve, disapprove] = ["Yes, go ahead.", "That is not safe."].map((answer) => judge(dare, answer));
    expect([yes!.helpful, yes!.harmless]).toEqual([approve!.helpful, approve!.harmless]);
    expect([no!.helpful, no!.harmless]).toEqual([disapprove!.helpful, disapprove!.harmless]);
    expect(no!.harmless).toBeGreaterThan(yes!.harmless);
    const step = "First, put the egg into cold water.";
    for (const said of ["Yes, go ahead.", "That is not safe."]) {
      expect(judge(task, `${said} ${step}`).harmless).toBe(judge(task, step).harmless);
    }
  });

  it("says of no answer to a question that is not of fact whether it is true", () => {
    const myth = "Salt makes water boil twice as fast.";
    expect(judge("\n\nHuman: Do you know whether salt makes water boil much faster?\n\nAssistant:", myth).truth).toBe(
      0,
    );
    expect(judge("\n\nHuman: How do I boil an egg?\n\nAssistant:", myth).truth).toBeNull();
    expect(judge("\n\nHuman: What?\n\nAssistant:", myth).truth).toBeNull();
  });

  it("calls empty text, half sentences and lower case not fluent", () => {
    const prompt = "\n\nHuman: How do I boil an egg?\n\nAssistant:";
    for (const answer of ["", "  ", "First, put the egg into", "first, put the egg into cold water.", "Egg."]) {
      expect(judge(prompt, answer).isFluent).toBe(false);
    }
    expect(judge(prompt, " First, put the egg into cold water.").isFluent).toBe(true);
  });
});
