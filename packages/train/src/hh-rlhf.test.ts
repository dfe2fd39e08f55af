// A run on real data: a trained LLaMA of 260K parameters and human preferences. Skipped where the assets are absent.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadLlama } from "@dual-head/backbone-llama";
import { readPreferences } from "@dual-head/data";
import { sharedAsset } from "@dual-head/repo-tools";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { loadTokenizer } from "@dual-head/tokenizer";
import { describe, expect, it } from "vitest";
import { loadHeads } from "./index.ts";
import { runToEnd } from "./testing/tiny-run.ts";

const model = sharedAsset("models/stories260K/hf");
const file = sharedAsset("data/hh-rlhf/harmless-base.test.jsonl.gz");

describe.skipIf(model === null || file === null)("train() on HH-RLHF with stories260K", () => {
  it("lowers the loss and gives heads for this model alone", async () => {
    const device = await sharedDevice("cpu");
    using llama = await loadLlama(model!, device);
    const tokenizer = await loadTokenizer(model!);
    const { pairs } = await readPreferences(file!);
    const folder = await mkdtemp(join(tmpdir(), "dual-head-hh-"));
    try {
      const { events, summary } = await runToEnd({
        device,
        backbone: llama.backbone,
        params: llama.params,
        backboneSha256: llama.sha256,
        tokenizer,
        pairs: pairs.slice(0, 400),
        folder,
        // Every step sees all pairs, so that losses of steps differ by what was learnt alone.
        settings: { batchSize: 400, epochs: 8, maxTokens: 128 },
      });
      const prepared = events[0]!;
      expect(prepared.kind === "prepared" && prepared.cutCount).toBeGreaterThan(10);
      expect(prepared.kind === "prepared" && prepared.dropped["response-too-long"]).toBeGreaterThan(10);
      expect(summary.trainLoss).toBeLessThan(summary.trainLossAtStart);
      expect(summary.heldOut!.low).toBeLessThan(summary.heldOut!.accuracy);
      expect(summary.trainable.head).toBe(512 * 64 + 512);
      const target = {
        backboneSha256: llama.sha256,
        tokenizerSha256: tokenizer.sha256,
        hiddenSize: 64,
        vocabSize: 512,
      };
      using heads = await loadHeads(folder, device, target);
      expect(heads.description.figures.heldOut).toEqual(summary.heldOut);
      await expect(loadHeads(folder, device, { ...target, backboneSha256: "0".repeat(64) })).rejects.toThrow(
        /backbone/,
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
