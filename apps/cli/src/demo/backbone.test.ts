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
      await createDemoBackbone(folder, device, { seed: 1, stepCount: 12, onStep: ({ loss }) => losses.push(loss) });
      expect(losses[0]).toBeGreaterThan(5);
      expect(losses.at(-1)!).toBeLessThan(losses[0]! - 1);
      expect(device.stats.liveBuffers).toBe(0);
      using llama = await loadLlama(folder, device);
      expect(llama.generation.eosTokenIds).toEqual([1]);
      expect((await readFile(`${folder}/tokenizer_config.json`, "utf8")).length).toBeGreaterThan(10);
    });
  });
});
