// Pretraining: what makes up a step, learning of something learnable, resuming to the last bit, and what is refused.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLlama, initialiseLlama } from "@dual-head/backbone-llama";
import { tinyLlamaConfig } from "@dual-head/backbone-llama/testing";
import { createRandom, type Device, leavesOf, type Tensor } from "@dual-head/tensor-core";
import { sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metricsFileName, type PretrainEvent, type PretrainOptions, pretrain } from "../index.ts";
import { piecesOf, planBatches } from "./batches.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-pretrain-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Documents in which every token follows from the one before: t + 3 modulo 20, behind a random start. */
function countingDocuments(count: number, seed: number): Uint32Array[] {
  const random = createRandom(seed, "counting");
  return Array.from({ length: count }, () => {
    const [start, length] = [random.integer(20), 4 + random.integer(9)];
    return Uint32Array.from({ length }, (_, at) => (start + 3 * at) % 20);
  });
}

const config = { ...tinyLlamaConfig, hiddenSize: 12, vocabSize: 20 };
function optionsOf(device: Device, folder: string): PretrainOptions<ReturnType<typeof initialiseLlama>> {
  return {
    device,
    backbone: createLlama(config),
    params: initialiseLlama(config, device, 4),
    documents: countingDocuments(60, 1),
    folder: join(root, folder),
    settings: { tokenBudget: 6000, batchTokens: 100, maxTokens: 9, learningRate: 0.02, heldOutCount: 10, seed: 3 },
    checkpointInterval: 20,
  };
}

async function runToEnd<Params>(options: PretrainOptions<Params>): Promise<readonly PretrainEvent[]> {
  const events: PretrainEvent[] = [];
  for await (const event of pretrain(options)) events.push(event);
  return events;
}

describe("planBatches()", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 25 });
  it("reads every target once a pass, within the batch, until the budget is spent (seed 8)", () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 12 }), fc.nat(20), fc.nat(), (all, maxTokens, more, seed) => {
        fc.pre(all.some((length) => length > 1));
        const batchTokens = maxTokens + more;
        const inPass = all.reduce((sum, length) => sum + Math.max(0, length - 1), 0);
        const plan = planBatches(all, { maxTokens, batchTokens, tokenBudget: 3 * inPass, seed });
        const counts = plan.map((pieces) => pieces.reduce((sum, { from, to }) => sum + to - from - 1, 0));
        for (const count of counts) expect(count > 0 && count <= batchTokens).toBe(true);
        const total = counts.reduce((a, b) => a + b, 0);
        expect(total).toBeGreaterThanOrEqual(3 * inPass);
        expect(total - counts.at(-1)!).toBeLessThan(3 * inPass);
        // The first inPass targets are every target of the corpus, once.
        const seen = new Set<string>();
        let left = inPass;
        for (const { document, from, to } of plan.flat()) {
          for (let target = from + 1; target < to && left > 0; target++, left--) seen.add(`${document} ${target}`);
        }
        expect(seen.size).toBe(inPass);
      }),
      { seed: 8 },
    );
  });

  it("cuts a document into pieces that share their border token", () => {
    expect(piecesOf(0, 8, 3)).toEqual([
      { document: 0, from: 0, to: 4 },
      { document: 0, from: 3, to: 7 },
      { document: 0, from: 6, to: 8 },
    ]);
    expect(piecesOf(0, 1, 3)).toEqual([]);
  });
});

describe("pretrain()", () => {
  it.each(testDeviceNames.filter((name) => name === "cpu"))("learns what follows from what on %s", async (name) => {
    const device = await sharedDevice(name);
    const before = device.stats.liveBuffers;
    const events = await runToEnd(optionsOf(device, `learn-${name}`));
    const steps = events.flatMap((event) => (event.kind === "step" ? [event] : []));
    const end = events.at(-1)!;
    if (end.kind !== "end") throw new Error("the run has no end");
    // The first token of a document has ln 20 nats of choice and is no target; all others have none.
    expect(steps[0]!.loss).toBeCloseTo(Math.log(20), 0);
    expect(end.figures.heldOutLoss).toBeLessThan(0.2);
    expect(end.figures.trainLoss).toBeLessThan(0.2);
    expect(device.stats.liveBuffers).toBe(before);
  });

  it("stopped and resumed, ends with the bits of a run left alone", async () => {
    const device = await sharedDevice("cpu");
    const bits = async (folder: string, stops: readonly number[]) => {
      let values: number[] = [];
      const save = async (params: unknown) => {
        values = [];
        for (const { leaf } of leavesOf<Tensor>(params)) values.push(...(await leaf.read()));
      };
      for (const stop of stops) {
        const controller = new AbortController();
        const run = async () => {
          for await (const event of pretrain({
            ...optionsOf(device, folder),
            resume: true,
            signal: controller.signal,
          })) {
            if (event.kind === "step" && event.step === stop) controller.abort(new Error("stop"));
          }
        };
        await expect(run()).rejects.toThrow("stop");
      }
      await runToEnd({ ...optionsOf(device, folder), save, resume: true });
      const metrics = await readFile(join(root, folder, metricsFileName), "utf8");
      return { values, losses: metrics.match(/"step":\d+|"loss":[^,]+/g) };
    };
    const whole = await bits("whole", []);
    const parts = await bits("parts", [7, 31]);
    expect(parts.losses).toEqual(whole.losses);
    expect(parts.values).toEqual(whole.values);
  });

  it("refuses what cannot be, and another run's folder", async () => {
    const device = await sharedDevice("cpu");
    const options = optionsOf(device, "whole");
    await expect(runToEnd(options)).rejects.toThrow("resume that run or choose another folder");
    await expect(
      runToEnd({ ...options, resume: true, settings: { ...options.settings, seed: 9 } }),
    ).rejects.toMatchObject({ fault: "resume-mismatch" });
    for (const [settings, message] of [
      [{ tokenBudget: 0 }, "tokenBudget is 0"],
      [{ maxTokens: 99 }, "31 positions"],
      [{ batchTokens: 3, maxTokens: 4 }, "at least maxTokens"],
      [{ learningRate: Number.NaN }, "learningRate is NaN"],
    ] as const) {
      const bad = { ...options, folder: join(root, "bad"), settings: { ...options.settings, ...settings } };
      await expect(runToEnd(bad)).rejects.toThrow(message);
    }
    const empty = { ...options, folder: join(root, "bad"), documents: [Uint32Array.of(1)] };
    await expect(runToEnd({ ...empty, settings: { heldOutCount: 0, maxTokens: 9 } })).rejects.toMatchObject({
      fault: "empty-data",
    });
    for (const { leaf } of leavesOf<Tensor>(options.params)) leaf.dispose();
  });
});
