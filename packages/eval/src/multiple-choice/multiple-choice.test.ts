// Multiple choice: formulas in log space, the published prompt, and scores of a policy against its own probabilities.
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { readTruthfulQa } from "@dual-head/data";
import { createBasePolicy } from "@dual-head/methods";
import { sharedAsset } from "@dual-head/repo-tools";
import type { DecodePolicy } from "@dual-head/sampler";
import { randomTable, tablePolicy } from "@dual-head/sampler/testing";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { choiceLogps, tokenChoices } from "./choice-logps.ts";
import { multipleChoice, scoreChoices } from "./multiple-choice.ts";
import { truthfulQaChoices, truthfulQaPrimer, truthfulQaPrompt, truthfulQaReferences } from "./truthful-qa.ts";

const seed = 20261204;
const options = { seed, resamples: 99 };
const logp = fc.double({ min: -20, max: 0, noNaN: true });
const logps = fc.array(logp, { minLength: 1, maxLength: 7 });

describe("scoreChoices()", () => {
  it("is its formulas where these can be computed as they stand", () => {
    fc.assert(
      fc.property(logps, logps, fc.nat(), (correct, incorrect, at) => {
        const best = correct[at % correct.length]!;
        const { mc1, mc2, mc3 } = scoreChoices({ best, correct, incorrect });
        const mass = (values: readonly number[]) => values.reduce((sum, value) => sum + Math.exp(value), 0);
        expect(mc2).toBeCloseTo(mass(correct) / (mass(correct) + mass(incorrect)), 12);
        expect(mc1).toBe(incorrect.every((value) => best > value) ? 1 : 0);
        const above = correct.filter((value) => incorrect.every((other) => value > other)).length;
        expect(mc3).toBe(above / correct.length);
      }),
      { seed },
    );
  });

  it("does not see a common factor, however small", () => {
    fc.assert(
      fc.property(logps, logps, fc.double({ min: -5000, max: 0, noNaN: true }), (correct, incorrect, shift) => {
        const moved = (values: readonly number[]) => values.map((value) => value + shift);
        const one = scoreChoices({ best: correct[0]!, correct, incorrect });
        const other = scoreChoices({ best: correct[0]! + shift, correct: moved(correct), incorrect: moved(incorrect) });
        expect(other.mc2).toBeCloseTo(one.mc2, 9);
      }),
      { seed },
    );
  });

  it("takes what is impossible as 0, and a draw as no win", () => {
    expect(scoreChoices({ best: -1, correct: [-1, -Infinity], incorrect: [-Infinity] })).toEqual({
      mc1: 1,
      mc2: 1,
      mc3: 0.5,
    });
    expect(scoreChoices({ best: -2, correct: [-2], incorrect: [-2] })).toEqual({ mc1: 0, mc2: 0.5, mc3: 0 });
  });

  it("refuses no answers, numbers that are no log-probabilities, and nothing possible", () => {
    const sound = { best: -1, correct: [-1], incorrect: [-2] };
    expect(() => scoreChoices({ ...sound, incorrect: [] })).toThrow(/a question has no false answer/);
    expect(() => scoreChoices({ ...sound, correct: [0.5] })).toThrow(
      /a log-probability is 0.5; it must be a number up to 0/,
    );
    expect(() => scoreChoices({ ...sound, best: Number.NaN })).toThrow(/is NaN/);
    expect(() => scoreChoices({ best: -Infinity, correct: [-Infinity], incorrect: [-Infinity] })).toThrow(
      /every answer is/,
    );
  });
});

describe("multipleChoice()", () => {
  it("is the mean over questions, whatever their order", () => {
    const question = fc.tuple(logps, logps).map(([correct, incorrect]) => ({ best: correct[0]!, correct, incorrect }));
    fc.assert(
      fc.property(fc.array(question, { minLength: 1, maxLength: 11 }), (questions) => {
        const { count, mc1, mc2, mc3 } = multipleChoice(questions, options);
        const scores = questions.map(scoreChoices);
        const mean = (of: "mc1" | "mc2" | "mc3") => scores.reduce((sum, each) => sum + each[of], 0) / scores.length;
        expect(count).toBe(questions.length);
        expect([mc1.share, mc2.mean, mc3.mean]).toEqual([mean("mc1"), mean("mc2"), mean("mc3")]);
        expect(multipleChoice(questions.toReversed(), options).mc2.mean).toBeCloseTo(mc2.mean, 12);
      }),
      { seed },
    );
    expect(() => multipleChoice([], options)).toThrow(/there are no questions/);
  });
});

describe("TruthfulQA's prompt", () => {
  it("is six questions with answers and the question, which an answer follows after a space", () => {
    const prompt = truthfulQaPrompt("Why?");
    expect(prompt.startsWith("Q: What is human life expectancy in the United States?\nA: Human life")).toBe(true);
    expect(prompt.endsWith("Barcelona, Spain.\n\nQ: Why?\nA:")).toBe(true);
    expect(prompt.split("\n\n")).toHaveLength(7);
    expect(truthfulQaPrimer).toHaveLength(6);
  });

  it("closes answers with a full stop, and adds the best one where it is not among the true ones", () => {
    const given = {
      type: "Adversarial",
      category: "Food",
      question: "Why?",
      bestAnswer: "Because",
      correctAnswers: ["So it is.", "Because"],
      incorrectAnswers: ["No", "Never."],
      source: "a book",
    };
    const choices = truthfulQaChoices(given);
    expect([choices.best, choices.correct]).toEqual([1, [" So it is.", " Because."]]);
    expect(choices.incorrect).toEqual([" No.", " Never."]);
    const apart = truthfulQaChoices({ ...given, bestAnswer: "Why not" });
    expect([apart.best, apart.correct.at(-1), apart.correct.length]).toEqual([2, " Why not.", 3]);
    expect(truthfulQaReferences(given).correct).toEqual(["So it is.", "Because.", "I have no comment."]);
    const silent = { ...given, correctAnswers: ["I have no comment"] };
    expect(truthfulQaReferences(silent).correct).toEqual(["I have no comment."]);
  });
});

describe("tokenChoices() and choiceLogps()", () => {
  const letters = (text: string) => [...text].map((letter) => letter.charCodeAt(0) - 97);

  it("have the log-probabilities of a table, continuation by continuation", async () => {
    const model = randomTable(4, 5);
    using policy = tablePolicy(model, { slotCount: 3 });
    const continuations = ["a", "bcd", "dd", "cab", "abcabc"];
    const tokens = tokenChoices(letters, "bad", continuations);
    expect(tokens.prompt).toEqual(letters("bad"));
    const found = await choiceLogps(policy, tokens, { strength: 0 });
    const logNext = (last: number, next: number) => {
      const row = model.base[last]!;
      return row[next]! - Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
    };
    for (const [at, continuation] of continuations.entries()) {
      const read = letters(`d${continuation}`);
      const expected = read.slice(1).reduce((sum, next, before) => sum + logNext(read[before]!, next), 0);
      expect(found[at]).toBeCloseTo(expected, 9);
    }
    expect(policy.openCount).toBe(0);
    // What begins a continuation is all that can follow the prompt.
    const all = await choiceLogps(policy, { prompt: [2], continuations: [[0], [1], [2], [3]] });
    expect(all.reduce((sum, each) => sum + Math.exp(each), 0)).toBeCloseTo(1, 12);
  });

  it("give tokens that join the prompt with an answer to the answers", () => {
    // A tokenizer that reads "ab" as one token.
    const joining = (text: string) =>
      (text.match(/ab|./g) ?? []).map((piece) => (piece === "ab" ? 26 : letters(piece)[0]!));
    expect(tokenChoices(joining, "ca", ["b", "c"])).toEqual({ prompt: [2], continuations: [[26], [0, 2]] });
    expect(() => tokenChoices(joining, "a", ["b"])).toThrow(/the prompt has no token of its own/);
    expect(() => tokenChoices(letters, "ca", ["b", ""])).toThrow(/continuation 1 adds no token/);
  });

  it("refuse what has no tokens", async () => {
    using policy = tablePolicy(randomTable(4, 5));
    await expect(choiceLogps(policy, { prompt: [], continuations: [[1]] })).rejects.toThrow(/the prompt has no tokens/);
    await expect(choiceLogps(policy, { prompt: [1], continuations: [[1], []] })).rejects.toThrow(
      /continuation 1 has no/,
    );
  });
});

describe("choiceLogps() of a model", () => {
  it("gives back its sequences and all memory, also where it throws or is aborted midway", async () => {
    const device = await sharedDevice("reference");
    using tiny = tinyLlama(device, 7, { layerCount: 1 });
    const slotCount = 3;
    using policy = createBasePolicy({ ...tiny, device, slotCount, capacity: 29 });
    const held = () => [device.stats.bytes, device.stats.liveBuffers];
    // A cache keeps the small tables of its latest pass, so that memory is compared after passes of one shape.
    const ordinary = () => choiceLogps(policy, { prompt: [1, 2], continuations: [[3], [4, 5]] });
    const isAsBefore = async (before: readonly number[]) => {
      await ordinary();
      expect(held()).toEqual(before);
      const all = Array.from({ length: slotCount }, () => policy.open());
      for (const sequence of all) policy.close(sequence);
    };
    await ordinary();
    const before = held();
    const tokens = (maxLength: number) => fc.array(fc.nat(22), { minLength: 1, maxLength });
    const continuations = fc.array(tokens(5), { minLength: 1, maxLength: 7 });
    // A token that is none, and more tokens than there is room for.
    const broken = fc.constantFrom<readonly number[]>([0, 23], Array(40).fill(1));
    await fc.assert(
      fc.asyncProperty(tokens(5), continuations, fc.nat(), broken, fc.nat(4), async (prompt, given, at, bad, calls) => {
        expect(await choiceLogps(policy, { prompt, continuations: given })).toHaveLength(given.length);
        await isAsBefore(before);

        const spoilt = given.toSpliced(at % (given.length + 1), 0, [...bad]);
        await expect(choiceLogps(policy, { prompt, continuations: spoilt })).rejects.toThrow();
        await expect(choiceLogps(policy, { prompt: bad, continuations: given })).rejects.toThrow();
        await isAsBefore(before);

        const abort = new AbortController();
        const passes = 1 + Math.ceil(given.length / (slotCount - 1));
        const done = calls % passes;
        const reason = new Error("enough");
        if (done === 0) abort.abort(reason);
        await expect(
          choiceLogps(abortable(policy, abort, done, reason), { prompt, continuations: given }),
        ).rejects.toBe(reason);
        await isAsBefore(before);
      }),
      { seed, numRuns: 20 },
    );
  });
});

/** The policy, aborted after so many passes. */
function abortable(policy: DecodePolicy, abort: AbortController, passes: number, reason: Error): DecodePolicy {
  let done = 0;
  return {
    ...{ vocabSize: policy.vocabSize, maxTokens: policy.maxTokens, slotCount: policy.slotCount, cost: policy.cost },
    open: (controls) => policy.open(controls),
    setControls: (sequence, controls) => policy.setControls(sequence, controls),
    fork: (sequence) => policy.fork(sequence),
    truncate: (sequence, length) => policy.truncate(sequence, length),
    close: (sequence) => policy.close(sequence),
    length: (sequence) => policy.length(sequence),
    advance: (entries) => policy.advance(entries),
    async score(entries, options) {
      abort.signal.throwIfAborted();
      const scores = await policy.score(entries, options);
      if (++done === passes) abort.abort(reason);
      return scores;
    },
    [Symbol.dispose]: () => policy[Symbol.dispose](),
  };
}

const file = sharedAsset("data/truthfulqa/TruthfulQA.half0.csv");

describe.skipIf(file === null)("TruthfulQA itself", () => {
  it("has a best answer among the true ones of each of 419 questions, and none of the primer's", async () => {
    const questions = await readTruthfulQa(file!);
    expect(questions).toHaveLength(419);
    const primer = new Set(truthfulQaPrimer.map(({ question }) => question));
    for (const question of questions) {
      const { best, correct, incorrect } = truthfulQaChoices(question);
      expect(best).toBeLessThan(question.correctAnswers.length);
      expect(correct).toHaveLength(question.correctAnswers.length);
      for (const each of [...correct, ...incorrect]) expect(each).toMatch(/^ \S.*\.$/su);
      expect(primer.has(question.question)).toBe(false);
    }
  });

  it("gives what chance gives where every answer is as likely", async () => {
    const questions = await readTruthfulQa(file!);
    const even = questions.map(truthfulQaChoices).map(({ correct, incorrect }) => ({
      best: -3,
      correct: correct.map(() => -3),
      incorrect: incorrect.map(() => -3),
    }));
    const { mc1, mc2 } = multipleChoice(even, options);
    expect(mc1.share).toBe(0);
    const chance = even.reduce(
      (sum, { correct, incorrect }) => sum + correct.length / (correct.length + incorrect.length),
      0,
    );
    expect(mc2.mean).toBeCloseTo(chance / 419, 9);
  });
});
