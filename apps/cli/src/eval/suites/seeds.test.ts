// Trainings by seed: which folders and files they share, and the suite end to end at a size that shows only that it works.
import { readdir, readFile } from "node:fs/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing/folder.ts";
import { run } from "../../testing/run.ts";
import { readEvalConfig } from "../config.ts";
import type { Figure, SuiteReport } from "../figures.ts";
import { createMiniWorldSetting } from "../settings/mini-world.ts";
import { shippedConfig } from "../shipped-configs.ts";
import { armOf } from "./context.ts";
import { seedsSuite } from "./seeds.ts";
import { namedSuites, suites } from "./table.ts";

const setting = createMiniWorldSetting();

describe("seeds of training", () => {
  it("are named by an arm only where they are not the configuration's", async () => {
    const config = await readEvalConfig(shippedConfig("mini-world-quick"));
    expect(armOf(config, setting, "dpo", { seed: config.seed })).toEqual(armOf(config, setting, "dpo"));
    expect(armOf(config, setting, "dpo", { seed: 7 })).toEqual({ ...armOf(config, setting, "dpo"), seed: 7 });
  });

  it("are three in the suite where the configuration says nothing, and the suite is not run with all", async () => {
    const config = await readEvalConfig(shippedConfig("mini-world"));
    const arms = seedsSuite.arms(config, setting);
    expect(arms.map(({ seed = config.seed }) => seed)).toEqual([1, 2, 3].flatMap((seed) => Array(9).fill(seed)));
    expect(await seedsSuite.judged!(config, setting)).toEqual({ comparisons: 3 * 8 * config.prompts, grades: 0 });
    expect([suites.includes(seedsSuite), namedSuites.includes(seedsSuite)]).toEqual([false, true]);
  });
});

describe("eval seeds", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());

  it("trains every method with every seed, and says how far trainings differ", async () => {
    const out = `${folder.path}/seeds`;
    const argv = ["eval", "seeds", "--config", "mini-world-quick", "--device", "cpu", "--threads", "2"];
    const { status, note } = await run([...argv, "--pairs", "16", "--prompts", "4", "--out", out]);
    expect([status, note]).toEqual([0, expect.stringContaining("the report is")]);
    const { reports } = JSON.parse(await readFile(`${out}/figures.json`, "utf8")) as { reports: [SuiteReport] };
    const [{ tables, claims, notes }] = reports;
    expect(notes[0]).toMatch(/^2 trainings of each of 9 methods, with the seeds 1, 2: 16 trainings in all/);
    const models = await readdir(`${out}/models`);
    expect(models.length).toBe(16);
    // Dual-head, its three variants and five peers, each with two seeds.
    expect((await readdir(`${out}/responses`)).filter((name) => name.endsWith("jsonl")).length).toBe(18);
    // Nothing of the configuration's own seed says so: main finds its parts and answers, made without one, under their names.
    const parts = await Promise.all(
      models.map(async (name) => JSON.parse(await readFile(`${out}/models/${name}/done.json`, "utf8"))),
    );
    expect(parts.map(({ seed, spec }) => [seed, spec.seed]).sort()).toEqual(
      [1, 2].flatMap((seed) => Array(8).fill([seed, undefined])),
    );
    const [wins, rewards] = tables;
    expect(wins!.rows.map(({ cells }) => cells.length)).toEqual(Array(8).fill(wins!.columns.length));
    expect(rewards!.rows.map(({ cells }) => cells.length)).toEqual(Array(9).fill(rewards!.columns.length));
    for (const { cells } of wins!.rows) {
      const [one, two, all] = cells as [Figure, Figure, Figure];
      expect(all.value).toBeCloseTo((one.value + two.value) / 2, 9);
      expect([all.low! >= 0, all.high! <= 1]).toEqual([true, true]);
    }
    const [own, dpo] = rewards!.rows.map(({ cells }) => cells as Figure[]);
    expect(dpo![5]!.value).toBeCloseTo(own![2]!.value - dpo![2]!.value, 9);
    // The paper's four baselines, and its variants with a fixed gate and one head.
    expect(claims.length).toBe(6);
  }, 200_000);
});
