// Which trial of a search is chosen.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseEvalConfig } from "./config.ts";
import { shippedConfig } from "./shipped-configs.ts";
import { type TrialResult, trials, tunedConfig } from "./tune.ts";

const config = parseEvalConfig(JSON.parse(readFileSync(shippedConfig("mini-world"), "utf8")), "mini-world");

function result(method: TrialResult["method"], strength: number, mean: number, kl: number | null): TrialResult {
  const reward = { mean, low: mean - 0.03, high: mean + 0.03 };
  return { method, knobs: { strength }, training: { epochs: strength }, reward, kl, fluent: 1, length: 20 };
}

describe("tunedConfig()", () => {
  it("takes the highest reward, and of those as good as it the nearest to the base model", () => {
    const tuned = tunedConfig(config, [
      result("dual-head", 1, 0.51, 2),
      result("dual-head", 2, 0.571, 8.3),
      result("dual-head", 4, 0.578, 8.4),
      result("best-of-n", 1, 0.379, null),
      result("best-of-n", 2, 0.38, null),
      result("dpo", 1, 0.36, 2.4),
      result("dpo", 2, 0.38, 3.5),
    ]);
    expect(tuned.methods["dual-head"]?.knobs).toEqual({ strength: 2 });
    expect(tuned.methods["best-of-n"]?.knobs).toEqual({ strength: 2 });
    expect(tuned.methods.dpo?.knobs).toEqual({ strength: 2 });
  });

  it("gives methods whose parts are another's that method's training, and leaves the rest as it was", () => {
    const tuned = tunedConfig(config, [result("dual-head", 3, 0.5, 1), result("dpo", 2, 0.3, 1)]);
    expect(tuned.methods["multi-objective"]).toEqual({ knobs: { strength: 3 }, training: { epochs: 3 } });
    expect(tuned.methods.mod).toEqual({ knobs: {}, training: { epochs: 2 } });
    expect(tuned.methods["proxy-tuning"]).toEqual({ knobs: {}, training: { epochs: 2 } });
    expect(tuned.methods.genarm).toEqual(config.methods.genarm);
  });
});

describe("trials", () => {
  it("are at most four a method", () => {
    const counts = new Map<string, number>();
    for (const { method } of trials) counts.set(method, (counts.get(method) ?? 0) + 1);
    expect([...counts.values()].every((count) => count <= 4)).toBe(true);
  });
});
