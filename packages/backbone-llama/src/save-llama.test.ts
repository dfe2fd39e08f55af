// A model written to a folder and read back is the same model, whatever its config.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textScores } from "@dual-head/backbone";
import { leavesOf, segmentsOf, type Tensor } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createLlama,
  initialiseLlama,
  type LlamaConfig,
  llamaConfigFrom,
  llamaConfigJson,
  loadLlama,
  loadLlamaClassifier,
  type RopeScaling,
  saveLlama,
  saveLlamaClassifier,
} from "./index.ts";
import { tinyLlama, tinyLlamaConfig } from "./testing/index.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-save-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const scalings = fc.constantFrom<RopeScaling | null>(
  null,
  { type: "linear", factor: 3 },
  { type: "llama3", factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxTokens: 7 },
  {
    type: "yarn",
    factor: 4,
    originalMaxTokens: 7,
    betaFast: 32,
    betaSlow: 2,
    truncate: false,
    attentionFactor: 1.1,
  },
);
const common = {
  tiedEmbeddings: fc.boolean(),
  ropeTheta: fc.constantFrom(500, 10_000),
  ropeScaling: scalings,
};
const windows = fc.constantFrom(null, 3, 8);
const configs = fc.oneof(
  fc
    .record({ ...common, architecture: fc.constant("llama"), biased: fc.boolean(), feedForwardBias: fc.boolean() })
    .map(({ biased, ...own }) => ({ ...own, attentionBias: biased, outputBias: biased })),
  fc.record({ ...common, architecture: fc.constantFrom("mistral", "phi3"), window: windows }),
  fc.record({ ...common, architecture: fc.constant("qwen2"), window: windows, attentionBias: fc.constant(true) }),
) as fc.Arbitrary<Partial<LlamaConfig>>;

describe("saveLlama()", () => {
  it("writes a config that reads back to itself (seed 5)", () => {
    fc.assert(
      fc.property(configs, (drawn) => {
        // Phi-3 knows one scaling, which another test writes and reads.
        const ropeScaling = drawn.architecture === "phi3" ? null : drawn.ropeScaling!;
        const config = { ...tinyLlamaConfig, ...drawn, ropeScaling };
        expect(llamaConfigFrom(JSON.parse(JSON.stringify(llamaConfigJson(config))))).toEqual(config);
      }),
      { seed: 5 },
    );
  });

  it("refuses biases that the architecture's config cannot tell", () => {
    expect(() => llamaConfigJson({ ...tinyLlamaConfig, attentionBias: true })).toThrow("use architecture qwen2");
  });

  it("keeps every weight in F32, rounds in F16, and unpacks packed ones", async () => {
    const device = await sharedDevice("cpu");
    const generation = { bosTokenId: 1, eosTokenIds: [2, 5] };
    using model = tinyLlama(device, 3, { tiedEmbeddings: true, attentionBias: true, outputBias: true });
    for (const [dtype, bound] of [
      ["F32", 0],
      ["F16", 2 ** -11],
      ["BF16", 2 ** -8],
    ] as const) {
      const folder = join(root, dtype);
      await saveLlama(folder, model.config, model.params, { dtype, generation });
      using loaded = await loadLlama(folder, device);
      expect(loaded.config).toEqual(model.config);
      expect(loaded.generation).toEqual(generation);
      const before = leavesOf<Tensor>(model.params);
      for (const [index, { path, leaf }] of leavesOf<Tensor>(loaded.params).entries()) {
        expect(path).toBe(before[index]!.path);
        const [found, expected] = [await leaf.read(), await before[index]!.leaf.read()];
        for (const [at, value] of expected.entries()) {
          expect(Math.abs(found[at]! - value)).toBeLessThanOrEqual(bound * Math.abs(value) + (bound > 0 ? 1e-7 : 0));
        }
      }
    }
    using packed = tinyLlama(device, 3, {}, "q8");
    await saveLlama(join(root, "q8"), packed.config, packed.params);
    using loaded = await loadLlama(join(root, "q8"), device);
    checkClose("decoded", await loaded.params.embedding.read(), await packed.params.embedding.read(), 0);
  });
});

describe("saveLlamaClassifier()", () => {
  it("writes what loadLlamaClassifier reads back, of tied models and others", async () => {
    const device = await sharedDevice("cpu");
    for (const tiedEmbeddings of [false, true]) {
      using model = tinyLlama(device, 3, { tiedEmbeddings });
      using score = device.tensor([0.25, -1, 2, 0.5, 0, 1, -3, 4, 0.125, 7, 8], [1, 11]);
      const folder = join(root, `classifier-${tiedEmbeddings}`);
      const { params, config } = model;
      await saveLlamaClassifier(folder, config, { params, score, padTokenId: 2 });
      const json = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
      expect(json).toMatchObject({
        architectures: ["LlamaForSequenceClassification"],
        num_labels: 1,
        id2label: { 0: "LABEL_0" },
        pad_token_id: 2,
      });
      using loaded = await loadLlamaClassifier(folder, device);
      expect([loaded.labels, loaded.padTokenId]).toEqual([["LABEL_0"], 2]);
      const texts = Uint32Array.of(3, 9, 1, 14, 2, 5, 4);
      const own = { ...model, score, padTokenId: 2 };
      using before = textScores(own, texts, segmentsOf([5, 2]));
      using after = textScores(loaded, texts, segmentsOf([5, 2]));
      expect([...(await after.read())]).toEqual([...(await before.read())]);
    }
  });
});

describe("initialiseLlama()", () => {
  it("starts near even odds with gradients of every layer alive", async () => {
    const device = await sharedDevice("cpu");
    const params = initialiseLlama(tinyLlamaConfig, device, 1);
    const hidden = createLlama(tinyLlamaConfig).hidden(params, Uint32Array.of(1, 5, 3), segmentsOf([3]));
    const values = [...(await hidden.read())];
    // The last norm makes rows of mean square 1.
    expect(values.reduce((sum, value) => sum + value * value, 0) / values.length).toBeCloseTo(1, 1);
    const embedding = [...(await params.embedding.read())];
    expect(Math.sqrt(embedding.reduce((sum, value) => sum + value * value, 0) / embedding.length)).toBeCloseTo(0.02, 2);
    hidden.dispose();
    for (const { leaf } of leavesOf<Tensor>(params)) leaf.dispose();
  });
});
