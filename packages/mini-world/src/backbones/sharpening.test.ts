// Heads of the unsharpened model become heads of the shipped one: logits are s times as large, gates open as wide.
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadLlama } from "@dual-head/backbone-llama";
import { matmul, segmentsOf, type Tensor } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { loadTokenizer } from "@dual-head/tokenizer";
import { type LoadedHeads, loadHeads, saveHeads } from "@dual-head/train";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawTranscript } from "../generate/dialogue.ts";
import { recipes } from "./recipes.ts";
import { sharpenHeads, writeUnsharpened } from "./sharpening.ts";
import { shippedBackbone, shippedHeads } from "./shipped.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sharpening-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const valuesOf = async (tensor: Tensor) => [...(await tensor.read())];

/** The largest difference, as a share of the largest value. */
function distance(found: readonly number[], expected: readonly number[]): number {
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, at) => Math.abs(value - found[at]!))) / largest;
}

describe("sharpenHeads()", () => {
  it("multiplies every logit by the sharpness of the recipe and leaves the gate where it was", async () => {
    const { sharpness } = recipes.m;
    const device = await sharedDevice("reference");
    const shipped = await shippedBackbone("m");
    await writeUnsharpened("m", shipped, `${folder}/model`);
    using before = await loadLlama(`${folder}/model`, device);
    using after = await loadLlama(shipped, device);
    const trained = await shippedHeads("m", "helpful");
    await mkdir(`${folder}/trained`);
    {
      // Any heads will do as those that were trained there; these have all their parts other than zero.
      const target = { ...before.config, backboneSha256: after.sha256 };
      using held = await loadHeads(trained, device, target);
      const bias = device.tensor(
        Array.from({ length: target.vocabSize }, (_, token) => Math.sin(token)),
        [target.vocabSize, 1],
      );
      const head = { kind: "linear", initialise: "base", bias: true } as const;
      await saveHeads(
        `${folder}/trained`,
        { head: { ...held.headParams, bias }, gate: held.gateParams },
        { ...held.description, head, backboneSha256: before.sha256 },
      );
      bias.dispose();
    }
    await sharpenHeads("m", `${folder}/trained`, shipped, `${folder}/sharpened`);
    expect(await readFile(`${folder}/sharpened/card.md`, "utf8")).toContain(`BeforeSharpeningBy": ${sharpness}`);

    const tokenizer = await loadTokenizer(shipped);
    const tokens = Uint32Array.from(tokenizer.encode(drawTranscript(3, 5)));
    const segments = segmentsOf([tokens.length]);
    const measure = async (model: typeof before, { head, headParams, gate, gateParams }: LoadedHeads) => {
      using hidden = model.backbone.hidden(model.params, tokens, segments);
      const [lm, reward] = [model.backbone.lmHead(model.params), head.projection(headParams, {} as never)];
      const read = async (tensor: Tensor) => {
        using own = tensor;
        return valuesOf(own);
      };
      if (lm.kind !== "linear" || reward.kind !== "linear") throw new TypeError("Heads of m are matrices");
      return {
        lm: await read(matmul(hidden, lm.weight, { transposeB: true })),
        reward: await read(matmul(hidden, reward.weight, { transposeB: true })),
        bias: await valuesOf(reward.bias!),
        gate: await read(gate.logits(gateParams, hidden, segments)),
      };
    };
    using former = await loadHeads(`${folder}/trained`, device, { ...before.config, backboneSha256: before.sha256 });
    using sharpened = await loadHeads(`${folder}/sharpened`, device, { ...after.config, backboneSha256: after.sha256 });
    const [plain, sharp] = [await measure(before, former), await measure(after, sharpened)];
    for (const part of ["lm", "reward", "bias"] as const) {
      const expected = plain[part].map((value) => sharpness * value);
      expect(distance(sharp[part], expected)).toBeLessThan(1e-5);
    }
    expect(distance(sharp.gate, plain.gate)).toBeLessThan(1e-5);
    expect(Math.max(...plain.gate) - Math.min(...plain.gate)).toBeGreaterThan(0.01);
  });
});
