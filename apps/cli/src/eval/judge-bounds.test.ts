// What a judge is asked never exceeds its bounds; what stands in a run's way is said before it.
import { describe, expect, it } from "vitest";
import { parseEvalConfig } from "./config.ts";
import { judgeBounds } from "./judge-bounds.ts";
import { createMiniWorldSetting } from "./settings/mini-world.ts";
import { suites } from "./suites/table.ts";

const configOf = (judge: object) =>
  parseEvalConfig(
    { setting: { kind: "mini-world" }, backbones: { main: "world:s", second: "world:m" }, pairs: 8, prompts: 5, judge },
    "the test",
  );
const endpoint = { kind: "endpoint", baseUrl: "http://127.0.0.1:1/v1", model: "m", promptPrice: 2, completionPrice: 8 };
const setting = createMiniWorldSetting();
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
    const [, calls, asked, said, least, most] =
      /at most (\d+) calls, about (\d+) tokens asked and at most (\d+) answered: \$([\d.]+) to \$([\d.]+)/
        .exec(lines[1]!)!
        .map(Number);
    expect(calls).toBe(80 + 6 * length);
    expect(least).toBeCloseTo((2 * asked!) / 1e6, 2);
    expect(most).toBeCloseTo((2 * asked! + 8 * said!) / 1e6, 2);
  });

  it("says that a limit cannot suffice, and which templates there are", async () => {
    const dear = await judgeBounds(configOf({ ...endpoint, spendingLimit: 0.001 }), named("main"), setting);
    expect(dear.problems[0]).toMatch(/costs about \$0\.\d\d and \$0\.001 may be spent; raise/);
    const strange = await judgeBounds(configOf({ ...endpoint, template: "poem" }), named("main"), setting);
    expect(strange.problems[0]).toContain("judge.template is poem; use pairwise, one-token, two-scores");
  });
});
