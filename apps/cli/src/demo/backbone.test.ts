// The demo's backbone learns, is written as an ordinary folder, and comes out the same for a seed.
import { readFile } from "node:fs/promises";
import { loadLlama } from "@dual-head/backbone-llama";
import { openDevice } from "@dual-head/tensor-core";
import { describe, expect, it } from "vitest";
import { inTemporaryFolder } from "../testing/folder.ts";
import { createDemoBackbone } from "./backbone.ts";

describe("createDemoBackbone()", () => {
  it("lowers its loss and writes a folder that loads", async () => {
    using device = await openDevice("cpu", { threads: 2 });
    await inTemporaryFolder(async (folder) => {
      const losses: number[] = [];
      const stepCount = Number(process.env["DEMO_STEPS"] ?? 12);
      const started = performance.now();
      await createDemoBackbone(folder, device, { seed: 1, stepCount, onStep: ({ loss }) => losses.push(loss) });
      if (process.env["DEMO_STEPS"]) console.log(losses.filter((_, i) => i % 20 === 0).map((x) => x.toFixed(2)).join(" "), losses.at(-1), (performance.now() - started) / 1000, device.stats);
      expect(losses[0]).toBeGreaterThan(5);
      expect(losses.at(-1)!).toBeLessThan(losses[0]! - 1);
      expect(device.stats.liveBuffers).toBe(0);
      using llama = await loadLlama(folder, device);
      expect(llama.generation.eosTokenIds).toEqual([1]);
      expect((await readFile(`${folder}/tokenizer_config.json`, "utf8")).length).toBeGreaterThan(10);
    });
  });
});
