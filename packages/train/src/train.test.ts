// Whole runs on a tiny backbone: learning, resuming to the last bit, and what is refused without loss.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { leavesOf, type Tensor } from "@dual-head/tensor-core";
import { sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StepEvent } from "./events.ts";
import { headsFileName, metricsFileName, stateFileName, TrainingError, type TrainingSettings, train } from "./index.ts";
import { letterPairs, runToEnd, tinyRunOptions } from "./testing/tiny-run.ts";

let root = "";
let folderCount = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-train-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const newFolder = () => join(root, `run-${folderCount++}`);

async function tinyOptions(name: (typeof testDeviceNames)[number], settings: Partial<TrainingSettings> = {}) {
  const device = await sharedDevice(name);
  const options = tinyRunOptions(device, tinyLlama(device, 3), newFolder());
  return { ...options, settings: { ...options.settings, ...settings } };
}

const headsOf = async (folder: string) => (await readFile(join(folder, headsFileName))).toString("base64");
const stepsOf = (events: readonly { kind: string }[]) =>
  events.filter((event): event is StepEvent => event.kind === "step");

describe("train()", () => {
  for (const name of testDeviceNames) {
    it(`learns the preference, on held-out conversations too, on ${name}`, async () => {
      const options = await tinyOptions(name, { epochs: 4, microBatchTokens: 200 });
      const { events, summary } = await runToEnd({ ...options, pairs: letterPairs(41, 11) });
      expect(summary.trainLoss).toBeLessThan(summary.trainLossAtStart);
      expect(summary.heldOut!.pairs).toBeGreaterThan(7);
      expect(summary.heldOut!.accuracy).toBeGreaterThan(summary.heldOut!.untrained);
      expect(summary.heldOut!.accuracy).toBeGreaterThan(0.8);
      expect(summary.heldOut!.low).toBeLessThan(summary.heldOut!.accuracy);
      expect(summary.trainable).toEqual({ head: 23 * 11 + 23, gate: 4 * 6 * 11 + 11 + 1 });
      const steps = stepsOf(events);
      expect(steps.map(({ step }) => step)).toEqual(steps.map((_, index) => index + 1));
      expect(steps.at(-1)!.totalSteps).toBe(summary.steps);
      expect(steps[0]!.alphaMean).toBeCloseTo(0.5, 5);
      const lines = (await readFile(join(options.folder, metricsFileName), "utf8")).trimEnd().split("\n");
      expect(lines.length).toBe(summary.steps);
      expect(JSON.parse(lines.at(-1)!)).toMatchObject({ step: summary.steps, loss: steps.at(-1)!.loss });
      expect(await readFile(join(options.folder, "card.md"), "utf8")).toContain("Held-out accuracy");
    });
  }

  it("resumed after any step, from aborts and from kills, gives the heads of one run to the last bit on cpu", async () => {
    const whole = await tinyOptions("cpu");
    const { summary } = await runToEnd(whole);
    const expected = await headsOf(whole.folder);
    const metrics = async (folder: string) =>
      (await readFile(join(folder, metricsFileName), "utf8"))
        .trimEnd()
        .split("\n")
        .map((line) => ({ ...JSON.parse(line), tokensPerSecond: 0 }));
    const expectedMetrics = await metrics(whole.folder);
    for (const stop of [1, 3, 4, summary.steps - 1]) {
      for (const how of ["abort", "kill"] as const) {
        const options = await tinyOptions("cpu");
        const controller = new AbortController();
        const interrupted = async () => {
          for await (const event of train({ ...options, signal: controller.signal })) {
            if (event.kind !== "step" || event.step !== stop) continue;
            // Leaving the loop frees and writes nothing: what a kill leaves on disk.
            if (how === "kill") return;
            controller.abort(new Error("stopped"));
          }
        };
        if (how === "abort") await expect(interrupted()).rejects.toThrow("stopped");
        else await interrupted();
        const resumed = await runToEnd({ ...options, resume: true });
        const first = stepsOf(resumed.events)[0]!.step;
        expect(first).toBe(how === "abort" ? stop + 1 : Math.floor((stop - 1) / 3) * 3 + 1);
        expect(await headsOf(options.folder)).toBe(expected);
        expect(await metrics(options.folder)).toEqual(expectedMetrics);
      }
    }
    // A run that is over is only measured again.
    const again = await runToEnd({ ...whole, resume: true });
    expect(stepsOf(again.events)).toEqual([]);
    expect(await headsOf(whole.folder)).toBe(expected);
    expect(again.summary.heldOut).toEqual(summary.heldOut);
  });

  it("goes on with an interrupted extraction and gives the same heads", async () => {
    const whole = await tinyOptions("cpu");
    await runToEnd(whole);
    const options = await tinyOptions("cpu");
    for await (const event of train(options)) if (event.kind === "features" && event.done >= 8) break;
    const partial = (await readdir(join(options.folder, "features")))[0]!;
    expect(partial).toMatch(/\.partial$/);
    const path = join(options.folder, "features", partial);
    // A torn write at the end.
    await writeFile(path, (await readFile(path)).subarray(0, -7));
    const { events } = await runToEnd(options);
    const first = events.find((event) => event.kind === "features");
    expect(first?.kind === "features" && first.done).toBeGreaterThan(0);
    expect(await headsOf(options.folder)).toBe(await headsOf(whole.folder));
    expect((await readdir(join(options.folder, "features"))).join()).not.toContain("partial");
  });

  it("does not depend on how a batch is cut, up to rounding, and recomputes what it does not cache", async () => {
    const losses = async (settings: Partial<TrainingSettings>) =>
      stepsOf((await runToEnd(await tinyOptions("reference", settings))).events).map(({ loss }) => loss);
    for (const more of [{}, { reduction: "printed", preferenceOn: "fused" }, { mixing: "mixture" }] as const) {
      const whole = await losses({ ...more, microBatchTokens: 10_000 });
      const pieces = await losses({ ...more, microBatchTokens: 1 });
      const recomputed = await losses({ ...more, microBatchTokens: 53, features: "recompute" });
      for (const [index, loss] of whole.entries()) {
        expect(pieces[index]).toBeCloseTo(loss, 9);
        // The file holds binary16.
        expect(Math.abs(recomputed[index]! - loss)).toBeLessThan(5e-3);
      }
    }
  });

  it("learns supervised examples of a file of their own, never those of held-out conversations", async () => {
    const options = await tinyOptions("reference");
    const supervised = options.pairs.map(({ prompt }) => ({ prompt, response: "abab" }));
    const { events, summary } = await runToEnd({ ...options, supervised });
    const prepared = events[0]!;
    expect(prepared.kind === "prepared" && prepared.dropped["prompt-held-out"]).toBe(summary.heldOut!.pairs);
    expect(prepared.kind === "prepared" && prepared.supervisedCount).toBe(
      options.pairs.length - summary.heldOut!.pairs,
    );
    const steps = stepsOf(events);
    expect(steps.at(-1)!.lm).toBeLessThan(steps[0]!.lm);
  });

  it.each([
    { head: { kind: "low-rank", rank: 3, bias: false }, trainable: 3 * (11 + 23) },
    { head: { kind: "residual", width: 5, bias: true }, trainable: 2 * 5 * 11 + 23 },
    {
      head: { kind: "block", width: 6, headCount: 2, feedForwardSize: 7, bias: true },
      trainable: 4 * 6 * 11 + 3 * 7 * 11 + 2 * 11 + 23,
    },
  ] as const)("trains $head.kind heads and constant gates", async ({ head, trainable }) => {
    const options = await tinyOptions("reference");
    const { summary } = await runToEnd({ ...options, head, gate: { kind: "constant", alpha: 0.3 } });
    expect(summary.trainable).toEqual({ head: trainable, gate: 0 });
    expect(summary.trainLoss).toBeLessThan(summary.trainLossAtStart);
  });

  it("stops at a loss that is not finite, and keeps the last checkpoint", async () => {
    const options = await tinyOptions("cpu", { clipNorm: 1e30, learningRate: 1e37, warmupFraction: 0 });
    await expect(runToEnd({ ...options, checkpointInterval: 1 })).rejects.toMatchObject({ fault: "not-finite" });
    expect(await readdir(options.folder)).toContain(stateFileName);
    const kept = await headsOf(options.folder);
    await expect(runToEnd({ ...options, resume: true })).rejects.toThrow(/not finite|is (NaN|Infinity)/);
    expect(await headsOf(options.folder)).toBe(kept);
  });

  it("refuses an occupied folder, another run, and settings that cannot be", async () => {
    const options = await tinyOptions("cpu");
    await runToEnd(options);
    const heads = await headsOf(options.folder);
    await expect(runToEnd(options)).rejects.toMatchObject({ fault: "output-exists" });
    const other = { ...options, resume: true, settings: { ...options.settings, learningRate: 0.01 } };
    await expect(runToEnd(other)).rejects.toThrow(/the hash of the run was .* and is .* now/);
    const reference = await tinyOptions("reference");
    await expect(runToEnd({ ...reference, folder: options.folder, resume: true })).rejects.toThrow(/device was cpu/);
    await writeFile(join(options.folder, stateFileName), "torn");
    await expect(runToEnd({ ...options, resume: true })).rejects.toThrow(/safetensors/);
    await rm(join(options.folder, stateFileName));
    await expect(runToEnd({ ...options, resume: true })).rejects.toMatchObject({ fault: "output-exists" });
    expect(await headsOf(options.folder)).toBe(heads);
    for (const settings of [{ batchSize: 0 }, { learningRate: Number.NaN }, { heldOut: 1 }, { entropySign: "other" }]) {
      const bad = { ...options, folder: newFolder(), settings: settings as Partial<TrainingSettings> };
      await expect(runToEnd(bad)).rejects.toThrow(TrainingError);
    }
    await expect(runToEnd({ ...options, folder: newFolder(), pairs: [] })).rejects.toMatchObject({
      fault: "empty-data",
    });
  });

  it("says that a place is not writable before it works", async () => {
    const blocked = join(root, "a-file");
    await writeFile(blocked, "");
    const options = await tinyOptions("cpu");
    await expect(runToEnd({ ...options, folder: join(blocked, "run") })).rejects.toMatchObject({ name: "FileError" });
    const folder = newFolder();
    await mkdir(join(folder, metricsFileName, "occupied"), { recursive: true });
    await expect(runToEnd({ ...options, folder })).rejects.toMatchObject({ name: "FileError" });
  });

  it("never changes the backbone or its language-model head, which the reward head starts from", async () => {
    for (const head of [
      { kind: "linear", initialise: "base", bias: true },
      { kind: "low-rank", rank: 3, bias: true },
      { kind: "residual", width: 5, bias: true },
      { kind: "block", width: 6, headCount: 2, feedForwardSize: 7, bias: true },
    ] as const) {
      const options = await tinyOptions("cpu");
      const values = async () => Promise.all(leavesOf<Tensor>(options.params).map(({ leaf }) => leaf.read()));
      const before = (await values()).map((each) => each.slice());
      await runToEnd({ ...options, head });
      expect(await values()).toEqual(before);
    }
  });

  it("removes what a killed writer left in its folder", async () => {
    const options = await tinyOptions("cpu");
    await mkdir(options.folder, { recursive: true });
    const left = [headsFileName, stateFileName, metricsFileName].map((name) => `${name}.37-2.partial`);
    for (const name of left) await writeFile(join(options.folder, name), "");
    await runToEnd(options);
    expect((await readdir(options.folder)).join()).not.toContain("partial");
  });

  it("frees what it made, at its end and when left early", async () => {
    const options = await tinyOptions("cpu");
    const { device } = options;
    const before = device.stats.liveBuffers;
    await runToEnd(options);
    expect(device.stats.liveBuffers).toBe(before);
    for await (const event of train({ ...options, folder: newFolder() })) if (event.kind === "step") break;
    expect(device.stats.liveBuffers).toBe(before);
  });
});
