// What a judge is asked never exceeds its bounds; what stands in a run's way is said before it.
import { createEndpoint, createEndpointJudge, preferBothOrders } from "@dual-head/eval";
import { startTestEndpoint } from "@dual-head/eval/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseEvalConfig } from "./config.ts";
import { judgeBounds } from "./judge-bounds.ts";
import { createMiniWorldSetting } from "./settings/mini-world.ts";
import { exchangeOf, type Setting } from "./settings/setting.ts";
import { suites } from "./suites/table.ts";

const configOf = (judge: object) =>
  parseEvalConfig(
    { setting: { kind: "mini-world" }, backbones: { main: "world:s", second: "world:m" }, pairs: 8, prompts: 5, judge },
    "the test",
  );
const endpoint = { kind: "endpoint", baseUrl: "http://127.0.0.1:1/v1", model: "m", promptPrice: 2, completionPrice: 8 };
const setting = createMiniWorldSetting();
function figuresIn(line: string) {
  const form =
    /at most (\d+) calls, at most (\d+) tokens asked and (\d+) answered, of 3 bytes each: at most \$([\d.]+), \$([\d.]+) of it/;
  const [calls, asked, said, most, least] = form.exec(line)!.slice(1).map(Number);
  return { calls: calls!, asked: asked!, said: said!, most: most!, least: least! };
}
const named = (...names: readonly string[]) => suites.filter(({ name }) => names.includes(name));

describe("judgeBounds()", () => {
  it("counts comparisons by arms and prompts, and grades by turns", async () => {
    const { lines, problems } = await judgeBounds(configOf({ kind: "oracle" }), named("main", "mt-bench"), setting);
    expect(problems).toEqual([]);
    expect(lines).toEqual([`judge: oracle, at most ${8 * 5} comparisons in both orders and ${6 * 2 * 5} grades`]);
  });

  it("counts calls of an endpoint, tokens and dollars, and grades of written answers", async () => {
    const { lines } = await judgeBounds(configOf(endpoint), named("main", "truthfulqa"), setting);
    const { length } = await setting.choices();
    expect(lines[0]).toContain(`at most 40 comparisons in both orders and ${6 * length} grades`);
    const { calls, asked, said, least, most } = figuresIn(lines[1]!);
    expect(calls).toBe(80 + 6 * length);
    expect(least).toBeCloseTo((2 * asked!) / 1e6, 2);
    expect(most).toBeCloseTo((2 * asked! + 8 * said!) / 1e6, 2);
  });

  it("says that a limit cannot suffice, and which templates there are", async () => {
    const dear = await judgeBounds(configOf({ ...endpoint, spendingLimit: 0.001 }), named("main"), setting);
    expect(dear.problems[0]).toMatch(/may cost \$0\.\d\d, \$0\.\d\d of it for asking, and \$0\.001 may be spent/);
    const strange = await judgeBounds(configOf({ ...endpoint, template: "poem" }), named("main"), setting);
    expect(strange.problems[0]).toContain("judge.template is poem; use pairwise, one-token, two-scores");
  });

  it("counts what is answered towards the limit, not only what is asked", async () => {
    const prices = [fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 })] as const;
    await fc.assert(
      fc.asyncProperty(...prices, fc.double({ min: 0.5, max: 1.5, noNaN: true }), async (asking, answering, share) => {
        const priced = { ...endpoint, promptPrice: asking, completionPrice: answering };
        const of = (judge: object) => judgeBounds(configOf(judge), named("mt-bench"), setting);
        const { asked, said } = figuresIn((await of(priced)).lines[1]!);
        const most = (asking * asked + answering * said) / 1e6;
        const { problems } = await of({ ...priced, spendingLimit: share * most });
        expect(problems.length).toBe(share < 1 ? 1 : 0);
      }),
      { numRuns: 20, seed: 20261126 },
    );
  });

  it("is above what is asked where every answer is as long as it may be, and not far above", async () => {
    const config = configOf(endpoint);
    // Answers to questions of MT-Bench are longer than the configuration's.
    const long: Setting = {
      ...setting,
      twoTurns: async (count, seed) =>
        (await setting.twoTurns(count, seed)).map((each) => ({ ...each, manner: { maxNewTokens: 1024 } })),
    };
    await using server = await startTestEndpoint(() => ({ content: "[[C]]" }));
    const judge = createEndpointJudge({
      endpoint: createEndpoint({ baseUrl: server.baseUrl, model: "m", keyVariable: null }),
    });
    let seen = 0;
    // Of the requests since it was asked last.
    const tokensOf = () => {
      const own = server.requests.slice(seen);
      seen = server.requests.length;
      const texts = own.flatMap(({ body }) => body.messages.map(({ content }) => content));
      return Buffer.byteLength(texts.join("")) / 3;
    };
    // Tokens of three bytes.
    const answerOf = (count: number) => "abc".repeat(count);
    const bound = async (...names: readonly string[]) =>
      figuresIn((await judgeBounds(config, named(...names), long)).lines[1]!).asked;
    const isTight = (asked: number, most: number) => {
      expect(asked).toBeLessThanOrEqual(most);
      expect(most).toBeLessThan(1.5 * asked);
    };

    const questions = await long.twoTurns(config.prompts, config.seed);
    const one = answerOf(1024);
    const exchanges = questions.flatMap(({ turns: [first, second], references }) => [
      { ...exchangeOf({ turns: [first] }, one), references: references!.slice(0, 1) },
      { ...exchangeOf({ turns: [first, one, second] }, one), references: references! },
    ]);
    await judge.grade!(exchanges);
    isTight(6 * tokensOf(), await bound("mt-bench"));

    const prompts = await long.prompts("test", config.prompts, config.seed);
    const text = answerOf(config.maxNewTokens);
    const comparisons = prompts.map((prompt) => ({
      ...exchangeOf(prompt, text),
      first: text,
      second: text,
    }));
    await preferBothOrders(judge, comparisons);
    const compared = tokensOf();
    for (const [name, times] of [
      ["main", 8],
      ["alpaca", 7],
    ] as const)
      isTight(times * compared, await bound(name));

    const choices = await long.choices();
    await judge.grade!(
      choices.map(({ question, references }) => ({
        ...exchangeOf({ turns: [question] }, text),
        references: [references.correct.join("\n")],
      })),
    );
    isTight(6 * tokensOf(), await bound("truthfulqa"));
  });
});
