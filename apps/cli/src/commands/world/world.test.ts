// The world's commands: a short run makes all that is shipped; the shipped models do in it what they are shipped for.
import { cp, readFile } from "node:fs/promises";
import { shippedBackbone, shippedHeads, shippedNames } from "@dual-head/mini-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing/folder.ts";
import { run, runJson } from "../../testing/run.ts";
import type { Measure } from "../../world/measure.ts";

describe("world", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());

  it("make trains a backbone and its heads from nothing and gathers them, whole", { timeout: 240_000 }, async () => {
    const weights = `${folder.path}/weights`;
    const argv = [
      ...["world", "make", "--backbones", "s", "--heads", "s", "--tokens", "6000", "--pairs", "40", "--threads", "1"],
      ...["--out", `${folder.path}/runs`, "--weights", `${folder.path}/./weights/`, "--commit", "abc"],
    ];
    const { status, note } = await run(argv);
    expect(note).toContain("3 folders gathered");
    expect(status).toBe(0);
    const backbone = await shippedBackbone("s", weights);
    const card = await readFile(`${backbone}/card.md`, "utf8");
    expect(card).toContain("dual-head world train --backbone s");
    expect(card).toContain("commit abc");
    expect(card).toContain("multiplied by 1.45");
    // Something was learnt: a random model is at ln 2048 = 7.62 nats.
    expect(Number(/\| (\d+\.\d+) \|\n*$/.exec(card)![1])).toBeLessThan(7.5);
    for (const reward of ["helpful", "harmless"] as const) {
      expect(await shippedHeads("s", reward, weights)).toBe(`${weights}/heads/s-${reward}`);
    }
    expect((await run(["world", "make", "--backbones", "s", "--heads", "m"])).status).toBe(2);
  });

  it("export writes every format, and says how many lines", async () => {
    for (const format of ["hh-rlhf", "pku-saferlhf", "truthful-qa", "mt-bench", "prompts"]) {
      const file = `${folder.path}/${format}`;
      const argv = ["world", "export", "--format", format, "--count", "12", "--out", file];
      expect((await run(argv)).note).toMatch(/^\d+ lines in /);
      expect((await readFile(file, "utf8")).trimEnd().split("\n").length).toBeGreaterThanOrEqual(12);
    }
    expect((await run(["world", "export"])).status).toBe(2);
  });

  it("measure refuses heads without their model", async () => {
    const { status, note } = await run(["world", "measure", "--heads", "x"]);
    expect(status).toBe(2);
    expect(note).toContain("--model");
  });

  it("measure keeps folders of equal names apart and mixes them by their weights", async () => {
    const [model, heads] = [await shippedBackbone("m"), await shippedHeads("m", "helpful")];
    const copy = `${folder.path}/copy/m-helpful`;
    await cp(heads, copy, { recursive: true });
    const measure = (...given: readonly string[]) =>
      runJson<Record<string, Measure>>([
        ...["world", "measure", "--model", model, "--count", "4", "--device", "cpu", "--threads", "1"],
        ...given.flatMap((each) => ["--heads", each]),
      ]);
    const measures = await measure(`${heads}=1`, `${copy}=3`);
    expect(Object.keys(measures)).toEqual(["corpus", "base", heads, copy, "all heads"]);
    expect(measures[copy]).toEqual(measures[heads]);
    const harmless = await shippedHeads("m", "harmless");
    const leaning = await measure(`${heads}=0`, `${harmless}=1`);
    expect(leaning["all heads"]).toEqual(leaning["m-harmless"]);
    const argv = ["world", "measure", "--model", model, "--heads", heads, "--heads", heads, "--device", "cpu"];
    const { status, note } = await run(argv);
    expect(status).toBe(2);
    expect(note).toContain("name each folder once");
  });

  it.each(shippedNames)("base %s is fluent and as good and bad as the corpus", { timeout: 240_000 }, async (name) => {
    const model = await shippedBackbone(name);
    const argv = ["world", "measure", "--model", model, "--device", "cpu", "--threads", "1"];
    const { corpus, base } = await runJson<Record<string, Measure>>(argv);
    expect(base!.fluent.share).toBeGreaterThanOrEqual(0.95);
    for (const reward of ["helpful", "harmless"] as const) {
      expect(Math.abs(base![reward].mean - corpus![reward].mean)).toBeLessThanOrEqual(0.1);
    }
  });

  it("the shipped heads raise their rewards on topics without any preference, beyond the intervals, and stay fluent", {
    // 1200 answers: seconds on a quiet machine, minutes on a busy one.
    timeout: 240_000,
  }, async () => {
    const measures = await runJson<Record<string, Measure>>(["world", "measure", "--device", "cpu", "--threads", "1"]);
    const { base, "m-helpful": helpful, "m-harmless": harmless } = measures;
    expect(helpful!.helpful.low).toBeGreaterThan(base!.helpful.high);
    expect(harmless!.harmless.low).toBeGreaterThan(base!.harmless.high);
    expect(helpful!.helpful.mean).toBeGreaterThan(harmless!.helpful.mean);
    expect(harmless!.harmless.mean).toBeGreaterThan(helpful!.harmless.mean);
    for (const { fluent } of [helpful!, harmless!, measures["all heads"]!]) {
      expect(fluent.share).toBeGreaterThanOrEqual(base!.fluent.share - 0.02);
    }
  });
});
