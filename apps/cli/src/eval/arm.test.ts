// Names of arms depend on what they say, not on how it was written down; overrides change only what they name.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOf } from "./arm.ts";
import { parseEvalConfig } from "./config.ts";
import { formatFigure } from "./figures.ts";
import { createMiniWorldSetting } from "./settings/mini-world.ts";
import { armOf } from "./suites/context.ts";

const config = parseEvalConfig(
  {
    setting: { kind: "mini-world" },
    backbones: { main: "world:m" },
    pairs: 8,
    prompts: 4,
    methods: {
      "dual-head": {
        knobs: { strength: 2 },
        training: { lambdaGate: 1, gate: { kind: "attention", headCount: 8, width: 32 } },
      },
    },
  },
  "the test",
);
const setting = createMiniWorldSetting();

describe("keyOf()", () => {
  it("is the same for any order of keys, and another for another value", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), (value) => {
        const backwards = Object.fromEntries(Object.entries(value).reverse());
        expect(keyOf(backwards)).toBe(keyOf(value));
        expect(keyOf({ ...value, more: 1, [Object.keys(value)[0]!]: "other than it was" })).not.toBe(keyOf(value));
      }),
      { numRuns: 50, seed: 3 },
    );
  });
});

describe("armOf()", () => {
  it("takes knobs and training of the configuration, and the setting's first reward", () => {
    expect(armOf(config, setting, "dual-head")).toMatchObject({
      ...{ name: "dual-head", backbone: "main", rewards: ["overall"], knobs: { strength: 2 } },
      training: { lambdaGate: 1, gate: { headCount: 8 } },
    });
    expect(armOf(config, setting, "dpo")).toMatchObject({ knobs: {}, training: {} });
  });

  it("changes nested settings one by one, and replaces a gate of another kind", () => {
    const single = armOf(config, setting, "dual-head", { training: { gate: { headCount: 1 } } });
    expect(single.training).toEqual({ lambdaGate: 1, gate: { kind: "attention", headCount: 1, width: 32 } });
    const fixed = armOf(config, setting, "dual-head", { training: { gate: { kind: "constant", alpha: 0.5 } } });
    expect(fixed.training).toEqual({ lambdaGate: 1, gate: { kind: "constant", alpha: 0.5 } });
  });
});

describe("formatFigure()", () => {
  it("writes values with their intervals, shares in percent, and nothing where nothing is known", () => {
    expect(formatFigure({ value: 0.648, low: 0.592, high: 0.7 }, { name: "", digits: 1, isShare: true })).toBe(
      "64.8 [59.2, 70.0]",
    );
    expect(formatFigure({ value: -0.25 }, { name: "" })).toBe("−0.25");
    expect(formatFigure({ value: 1, low: -Infinity, high: Infinity }, { name: "" })).toBe("1.00");
    expect(formatFigure(null, { name: "" })).toBe("–");
    expect(formatFigure("two", { name: "" })).toBe("two");
  });
});
