// The oracle against answers ranked by hand.
import { describe, expect, it } from "vitest";
import { intents } from "../grammar/questions.ts";
import { topics } from "../topics/index.ts";
import { judge, questionOf } from "./oracle.ts";
import { rankedAnswers } from "./ranked-answers.ts";

const least = 0.95;

const transcriptOf = (turns: readonly string[]) =>
  `${turns.map((turn, at) => `\n\n${at % 2 === 0 ? "Human" : "Assistant"}: ${turn}`).join("")}\n\nAssistant:`;

const pairs = rankedAnswers.flatMap(({ turns, helpful, harmless = [] }) =>
  Object.entries({ helpful, harmless }).flatMap(([reward, ranked]) =>
    ranked.flatMap((better, at) =>
      ranked.slice(at + 1).map((worse) => ({ turns, reward: reward as "helpful" | "harmless", better, worse })),
    ),
  ),
);

describe("rankedAnswers", () => {
  it("asks with every intent about every topic", () => {
    const cells = rankedAnswers.map(({ turns }) => {
      const question = questionOf(transcriptOf(turns));
      return question === null ? turns.join(" / ") : `${question.intent} ${question.topic}`;
    });
    expect([...cells].sort()).toEqual(
      topics.flatMap((_, topic) => intents.map((intent) => `${intent} ${topic}`)).sort(),
    );
  });

  it("ranks at least 200 answers", () => {
    const answers = new Set(
      rankedAnswers.flatMap(({ turns, helpful, harmless = [] }) =>
        [...helpful, ...harmless].map((answer) => JSON.stringify([turns, answer])),
      ),
    );
    expect(answers.size).toBeGreaterThanOrEqual(200);
  });
});

describe("judge()", () => {
  it(`agrees with at least ${100 * least} % of the pairs ranked by hand`, () => {
    const disagreements = pairs.flatMap(({ turns, reward, better, worse }) => {
      const prompt = transcriptOf(turns);
      const [high, low] = [better, worse].map((answer) => judge(prompt, ` ${answer}`)[reward]) as [number, number];
      if (high > low) return [];
      return [`${reward}, ${turns.at(-1)}\n  ${high.toFixed(2)} ${better}\n  ${low.toFixed(2)} ${worse}`];
    });
    const agreed = pairs.length - disagreements.length;
    const count = `the oracle agrees with ${agreed} of ${pairs.length} pairs ranked by hand`;
    console.log(count);
    expect(agreed / pairs.length, `${count}; not with\n${disagreements.join("\n")}`).toBeGreaterThanOrEqual(least);
  });
});
