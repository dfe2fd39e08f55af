// Classifiers from folders: scores by plain loops over the same weights, and folders that must be refused.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textScores } from "@dual-head/backbone";
import { type StoredTensor, writeSafetensors } from "@dual-head/checkpoint";
import { createRandom, segmentsOf } from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LlamaConfig } from "./config.ts";
import { loadLlamaClassifier } from "./load-classifier.ts";
import { loadLlama } from "./load-llama.ts";
import { storedShape, weightNames } from "./params.ts";
import { llamaConfigJson } from "./save-llama.ts";
import { tinyLlamaConfig } from "./testing/index.ts";
import { readParams, scalarHidden } from "./testing/scalar-llama.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-classifier-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const labelCount = 3;

/** A random classifier's folder; `edit` changes its tensors before they are written. */
async function createFolder(
  changes: Readonly<Record<string, unknown>> = {},
  edit: (tensors: Record<string, StoredTensor>) => void = () => {},
): Promise<string> {
  const folder = await mkdtemp(join(root, "model-"));
  // As such configs say although there is no head to tie.
  const config: LlamaConfig = { ...tinyLlamaConfig, tiedEmbeddings: false };
  const json = { ...llamaConfigJson(config), num_labels: labelCount, pad_token_id: 0, ...changes };
  await writeFile(join(folder, "config.json"), JSON.stringify(json));
  const tensors: Record<string, StoredTensor> = {};
  const add = (name: string, shape: readonly number[]) => {
    const random = createRandom(3, name);
    const size = shape.reduce((product, extent) => product * extent, 1);
    const data = Float32Array.from({ length: size }, () => random.normal());
    tensors[name] = { dtype: "F32", shape, data };
  };
  for (const weight of weightNames({ ...config, tiedEmbeddings: true })) add(weight.name, storedShape(weight));
  add("score.weight", [labelCount, config.hiddenSize]);
  edit(tensors);
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return folder;
}

describe("loadLlamaClassifier()", () => {
  const texts = [
    [3, 1, 22, 7, 0],
    [5, 2],
  ];

  it.each(testDeviceNames)("scores texts as plain loops do, on %s", async (name) => {
    using model = await loadLlamaClassifier(await createFolder(), await sharedDevice(name));
    expect([model.labels, model.padTokenId]).toEqual([["LABEL_0", "LABEL_1", "LABEL_2"], 0]);
    const score = await model.score.read();
    const params = await readParams(model.params);
    const expected = texts.flatMap((text) => {
      const rows = scalarHidden(model.config, params, text);
      // The last token that is not padding.
      const row = rows[text.findLastIndex((token) => token !== 0)]!;
      return Array.from({ length: labelCount }, (_, label) =>
        row.reduce((sum, value, k) => sum + value * score[label * row.length + k]!, 0),
      );
    });
    const segments = segmentsOf(texts.map(({ length }) => length));
    using scores = textScores(model, Uint32Array.from(texts.flat()), segments);
    checkClose("scores", await scores.read(), expected, name === "reference" ? 1e-12 : 1e-4);
  });

  it("keeps its scores as floats where matrices are packed", async () => {
    const device = await sharedDevice("cpu");
    using model = await loadLlamaClassifier(await createFolder(), device, { dtype: "bf16" });
    expect([model.params.embedding.dtype, model.score.dtype]).toEqual(["bf16", "f32"]);
  });

  it("refuses folders that are no classifiers, and loadLlama those that are", async () => {
    const device = await sharedDevice("reference");
    await expect(loadLlama(await createFolder({ tie_word_embeddings: true }), device)).rejects.toThrow(
      /tensor "score.weight" is the head of a classifier of texts; load it with loadLlamaClassifier/,
    );
    const without = await createFolder({}, (tensors) => {
      delete tensors["score.weight"];
    });
    await expect(loadLlamaClassifier(without, device)).rejects.toThrow(/score.weight/);
    await expect(loadLlamaClassifier(await createFolder({ num_labels: 2 }), device)).rejects.toThrow(/score.weight/);
    await expect(loadLlamaClassifier(await createFolder({ pad_token_id: -1 }), device)).rejects.toThrow(/pad_token_id/);
  });
});
