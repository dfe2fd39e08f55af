// Which variants a configuration has: those that differ from its own dual-head.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseEvalConfig } from "../config.ts";
import { shippedConfig } from "../shipped-configs.ts";
import { variantsOf } from "./ablation.ts";

const namesOf = (training: Record<string, unknown>) => {
  const config = parseEvalConfig(JSON.parse(readFileSync(shippedConfig("mini-world"), "utf8")), "mini-world");
  const methods = { ...config.methods, "dual-head": { knobs: {}, training } };
  return variantsOf({ ...config, methods }).map(({ name }) => name);
};

describe("variantsOf()", () => {
  it("leaves out what the configuration has anyway, said or by default", () => {
    const all = namesOf({ head: { kind: "residual" }, preferenceOn: "fused-over-base" });
    expect(all).toContain("linear");
    expect(all).toContain("reward-only");
    expect(namesOf({})).toEqual(all.filter((name) => name !== "linear" && name !== "reward-only"));
    expect(namesOf({ head: { kind: "linear" } })).toEqual(namesOf({}));
    expect(namesOf({ head: { kind: "block", width: 64 }, preferenceOn: "fused", lambdaGate: 0 })).toEqual(
      all.filter((name) => !["block", "fused", "unregularised"].includes(name)),
    );
    for (const training of [{}, { head: { kind: "residual" } }]) expect(namesOf(training).at(-1)).toBe("full");
  });
});
