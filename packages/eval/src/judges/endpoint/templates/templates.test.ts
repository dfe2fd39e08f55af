// Templates: places filled once and whole, which template fits, and the published prompts to the letter.
import {
  readMtBenchAnswers,
  readMtBenchJudgePrompts,
  readMtBenchJudgments,
  readMtBenchQuestions,
} from "@dual-head/data";
import { sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparisonArbitrary, exchangeArbitrary } from "../../../testing/index.ts";
import type { Exchange } from "../../judge.ts";
import type { ChatRequest, Endpoint } from "../endpoint.ts";
import { createEndpointJudge, defaultTemplates } from "../endpoint-judge.ts";
import { mtBenchTemplates } from "./mt-bench.ts";
import { oneTokenTemplate } from "./one-token.ts";
import { renderConversation, showComparison, showExchange } from "./places.ts";
import { checkTemplate, fillPlaces, type JudgeTemplate, placesIn, turnCountOf } from "./template.ts";
import { twoScoresTemplate } from "./two-scores.ts";

const own = [...defaultTemplates, twoScoresTemplate, oneTokenTemplate];

/** An endpoint that notes what it is asked, for tests of requests. */
function createNoting(): Endpoint & { readonly asked: ChatRequest[] } {
  const asked: ChatRequest[] = [];
  return {
    asked,
    model: "noting",
    identity: "noting",
    spending: { counted: 0, uncounted: 0, promptTokens: 0, completionTokens: 0, cost: null },
    async complete(request) {
      asked.push(request);
      return { text: "[[A]]", finishReason: "stop", topLogprobs: null, usage: null };
    },
  };
}

describe("fillPlaces()", () => {
  const piece = fc.oneof(
    fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("{", "(")),
    fc.constantFrom("{a}", "{b_1}", "{", "{A}", '{"a": 1}'),
  );

  it("fills each place once, with whatever is in it", () =>
    fc.assert(
      fc.property(fc.array(piece), fc.string(), fc.constantFrom("{a}", "{b_1}", "$&", "$1"), (pieces, a, b) => {
        const filled = fillPlaces(pieces.join(""), { a, b_1: b });
        const whole = pieces.join("").split(/(\{a\}|\{b_1\})/);
        expect(filled).toBe(whole.map((each) => (each === "{a}" ? a : each === "{b_1}" ? b : each)).join(""));
      }),
      { seed: 71, numRuns: 300 },
    ));
});

describe("this package's templates", () => {
  it("are sound, have names of their own, and show all of any conversation", () => {
    for (const template of own) {
      checkTemplate(template);
      expect(turnCountOf(template)).toBe("any");
    }
    expect(new Set(own.map(({ name }) => name)).size).toBe(own.length);
  });

  it("hold every turn and both answers, as they were written", () =>
    fc.assert(
      fc.asyncProperty(comparisonArbitrary, exchangeArbitrary, async (comparison, exchange) => {
        const endpoint = createNoting();
        const judge = createEndpointJudge({ endpoint });
        await judge.prefer([comparison, { ...comparison, references: ["the known one"] }]);
        await judge.grade!([exchange, { ...exchange, references: ["the known one"] }]);
        const texts = endpoint.asked.map(({ messages }) => messages.at(-1)!.content);
        for (const text of texts.slice(0, 2)) {
          expect(text).toContain(renderConversation(comparison.conversation));
          expect(text).toContain(`<answer_a>\n${comparison.first}\n</answer_a>`);
          expect(text).toContain(`<answer_b>\n${comparison.second}\n</answer_b>`);
        }
        for (const text of texts.slice(2)) expect(text).toContain(`<answer>\n${exchange.answer}\n</answer>`);
        expect(texts.map((text) => text.includes("the known one"))).toEqual([false, true, false, true]);
      }),
      { seed: 72, numRuns: 50 },
    ));
});

describe("checkTemplate()", () => {
  const base = defaultTemplates[1]!;
  it.each([
    ["{question} {answer_a} {answer_c}", /it has the place \{answer_c\}; a pairwise one may have/],
    ["{question} {answer} {answer_b}", /it has the place \{answer\}/],
    ["{question} {answer_a}", /it has no place for \{answer_b\}; the judge must be shown what it judges/],
    ["{question_0} {answer_a} {answer_b}", /\{question_0\}/],
  ])("refuses %s", (prompt, message) => {
    expect(() => checkTemplate({ ...base, prompt })).toThrow(message);
  });

  it("refuses answers without a token", () => {
    expect(() => checkTemplate({ ...base, maxTokens: 0 })).toThrow(/maxTokens is 0/);
  });
});

describe("which template fits", () => {
  const form = { kind: "letters" as const };
  const template = (name: string, prompt: string): JudgeTemplate => {
    return { name, asks: "pairwise", system: null, prompt, maxTokens: 9, form };
  };
  const one = template("one", "{question} {answer_a} {answer_b}");
  const two = template("two", "{question_1} {question_2} {answer_a_1} {answer_a_2} {answer_b_1} {answer_b_2}");
  const human = (content: string) => ({ role: "human" as const, content });
  const assistant = (content: string) => ({ role: "assistant" as const, content });
  const single = { conversation: [human("q1")], first: "a1", second: "b1" };
  const double = {
    conversation: [human("q1"), assistant("a1"), human("q2")],
    secondConversation: [human("q1"), assistant("b1"), human("q2")],
    first: "a2",
    second: "b2",
  };

  it("is the one that shows all turns, each answer in its own conversation", async () => {
    const endpoint = createNoting();
    await createEndpointJudge({ endpoint, templates: [one, two] }).prefer([single, double]);
    const texts = endpoint.asked.map(({ messages }) => messages.map(({ content }) => content));
    expect(texts).toEqual([["q1 a1 b1"], ["q1 q2 a1 a2 b1 b2"]]);
  });

  it("is none, and said before anything is asked, where a turn would be left out", async () => {
    const endpoint = createNoting();
    const judge = createEndpointJudge({ endpoint, templates: [one] });
    await expect(judge.prefer([single, double])).rejects.toMatchObject({
      fault: "no-place",
      index: 1,
      message:
        "Cannot ask noting about item 1: one shows 1 of its 2 turns; give a template that fits, such as one with {conversation}",
    });
    const system = { role: "system" as const, content: "Be brief." };
    await expect(judge.prefer([{ ...single, conversation: [system, human("q")] }])).rejects.toThrow(/item 0/);
    await expect(judge.grade!([{ conversation: [human("q")], answer: "a" }])).rejects.toThrow(/there is no template/);
    await expect(createEndpointJudge({ endpoint }).prefer([double])).rejects.toThrow(/lacks \{conversation\}/);
    expect(endpoint.asked).toEqual([]);
  });
});

const folder = sharedAsset("data/mt_bench");

describe.skipIf(folder === null)("mtBenchTemplates()", () => {
  it("asks word for word what the published judgments were asked", async () => {
    const templates = mtBenchTemplates(await readMtBenchJudgePrompts(`${folder}/judge_prompts.jsonl`));
    const questions = new Map((await readMtBenchQuestions(`${folder}/question.jsonl`)).map((each) => [each.id, each]));
    const references = new Map(
      (await readMtBenchAnswers(`${folder}/reference_gpt-4.jsonl`)).map(({ questionId, choices }) => [
        questionId,
        choices[0]!.turns,
      ]),
    );
    const judgments = await readMtBenchJudgments(`${folder}/model_judgment/gpt-4_single.mistral-orpo.jsonl`);
    const models = [...new Set(judgments.map(({ model }) => model))];
    const answers = new Map<string, readonly string[]>();
    for (const model of models) {
      for (const { questionId, choices } of await readMtBenchAnswers(`${folder}/model_answer/${model}.jsonl`)) {
        answers.set(`${model} ${questionId}`, choices[0]!.turns);
      }
    }
    const asked = judgments.filter(({ userPrompt }) => userPrompt !== null);
    const exchanges = asked.map(({ questionId, model, turn }): Exchange => {
      const { turns } = questions.get(questionId)!;
      const said = answers.get(`${model} ${questionId}`)!;
      const given = references.get(questionId);
      const before = turns.slice(0, turn - 1).flatMap((content, at) => [
        { role: "human" as const, content },
        { role: "assistant" as const, content: said[at]! },
      ]);
      return {
        conversation: [...before, { role: "human", content: turns[turn - 1]! }],
        answer: said[turn - 1]!,
        ...(given === undefined ? {} : { references: given.slice(0, turn) }),
      };
    });
    const endpoint = createNoting();
    await createEndpointJudge({ endpoint, templates }).grade!(exchanges);
    const texts = endpoint.asked.map(({ messages }) => messages.at(-1)!.content);
    // Of one model the file has judgments of earlier answers as well, which are not published: 160 of its 320 remain.
    const equal = asked.filter(({ userPrompt }, index) => userPrompt === texts[index]);
    const keys = equal.map(({ model, questionId, turn }) => `${model} ${questionId} ${turn}`);
    expect(new Set(keys).size).toBe(4 * 80 * 2);
  });

  it("has a template for both turns, with and without references, and refuses other forms", async () => {
    const prompts = await readMtBenchJudgePrompts(`${folder}/judge_prompts.jsonl`);
    const templates = mtBenchTemplates(prompts);
    expect(templates.map((template) => [template.asks, turnCountOf(template)])).toHaveLength(8);
    const names = templates.slice(0, 4).flatMap(({ prompt }) => placesIn(prompt));
    expect(names.filter((name) => name === "ref_answer_1")).toHaveLength(4);
    const [prompt] = prompts;
    expect(() => mtBenchTemplates([{ ...prompt!, outputFormat: "[[rating_a,rating_b]]" }])).toThrow(
      /Cannot use the prompt pair-v2: its verdicts have the form \[\[rating_a,rating_b\]\]; a pairwise one must have \[\[A\]\]/,
    );
  });
});

describe("what is shown", () => {
  it("has a number for each turn and the last under its own name", () => {
    const conversation = [
      { role: "human" as const, content: "q1" },
      { role: "assistant" as const, content: "a1" },
      { role: "human" as const, content: "q2" },
    ];
    expect(showExchange({ conversation, answer: "a2", references: ["r1", "r2"] }).places).toEqual({
      conversation: "User: q1\n\nAssistant: a1\n\nUser: q2",
      question: "q2",
      question_1: "q1",
      question_2: "q2",
      reference: "r2",
      ref_answer_1: "r1",
      ref_answer_2: "r2",
      answer: "a2",
      answer_1: "a1",
      answer_2: "a2",
    });
    expect(showComparison({ conversation: [], first: "", second: "" }).turnCount).toBe(0);
  });
});
