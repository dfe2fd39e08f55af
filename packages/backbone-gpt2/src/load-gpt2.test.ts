// Loading folders: parity with published float64 logits and classifications, plain loops over the same files, and folders
// that must be refused.
import { createHash } from "node:crypto";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createScalarReward, textScores } from "@dual-head/backbone";
import { memorySource } from "@dual-head/bytes";
import { countedSource } from "@dual-head/bytes/testing";
import { CheckpointError, openSafetensors, type StoredTensor, writeSafetensors } from "@dual-head/checkpoint";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import { createRandom, project, projectionTerms, segmentsOf } from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gpt2ConfigFrom } from "./config.ts";
import { type LoadedGpt2, loadGpt2, loadGpt2Classifier, loadWeights } from "./load-gpt2.ts";
import { gpt2WeightNames, storedShape } from "./params.ts";
import { type RawTensors, scalarGpt2 } from "./testing/scalar-gpt2.ts";

const parity = sharedAsset("hf_parity");
let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-gpt2-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function logitsOf({ backbone, params }: LoadedGpt2, sequences: readonly number[][]): Promise<ArrayLike<number>> {
  const { device } = params.embedding;
  using logits = device.scope(() => {
    const segments = segmentsOf(sequences.map((sequence) => sequence.length));
    const hidden = backbone.hidden(params, Uint32Array.from(sequences.flat()), segments);
    return project(projectionTerms(hidden, [{ projection: backbone.lmHead(params), coefficient: null }]));
  });
  return await logits.read();
}

function worstOf(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Array.from(actual).reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at]!)), 0);
}

const readShared = async (file: string) => JSON.parse(await readFile(join(parity!, file), "utf8"));

describe.skipIf(parity === null)("loadGpt2() agrees with published logits", () => {
  const vectors = countVectors(`transformers' logits, rows of tiny_gpt2 on ${testDeviceNames.length} devices`);
  it.each(testDeviceNames)("tiny_gpt2 on %s", async (name) => {
    const { config, sequences, logits } = await readShared("tiny_gpt2_logits.json");
    const folder = await mkdtemp(join(root, "published-"));
    const { n_ctx: n_positions, vocab: vocab_size, ...extents } = config;
    await writeFile(
      join(folder, "config.json"),
      JSON.stringify({ model_type: "gpt2", ...extents, n_positions, vocab_size }),
    );
    await copyFile(join(parity!, "tiny_gpt2.safetensors"), join(folder, "model.safetensors"));
    using loaded = await loadGpt2(folder, await sharedDevice(name));
    const passed = vectors.begin(logits.flat().length);
    expect(worstOf(await logitsOf(loaded, sequences), logits.flat(2))).toBeLessThan(
      name === "reference" ? 1e-12 : 1e-4,
    );
    passed();
  });
});

describe.skipIf(parity === null)("loadGpt2Classifier() agrees with published scores", () => {
  const vectors = countVectors(`transformers' scores, texts of tiny_gpt2_seqcls on ${testDeviceNames.length} devices`);
  async function load(name: (typeof testDeviceNames)[number]) {
    const folder = await mkdtemp(join(root, "classifier-"));
    await copyFile(join(parity!, "tiny_gpt2_seqcls_config.json"), join(folder, "config.json"));
    await copyFile(join(parity!, "tiny_gpt2_seqcls.safetensors"), join(folder, "model.safetensors"));
    return loadGpt2Classifier(folder, await sharedDevice(name));
  }

  it.each(testDeviceNames)("tiny_gpt2_seqcls on %s: whole, and token by token", async (name) => {
    const { sequences, logits, labels } = await readShared("tiny_gpt2_seqcls_logits.json");
    const tolerance = name === "reference" ? 1e-12 : 1e-4;
    using loaded = await load(name);
    expect(loaded.labels).toEqual(labels);
    const segments = segmentsOf(sequences.map((sequence: number[]) => sequence.length));
    using scores = textScores(loaded, Uint32Array.from(sequences.flat()), segments);
    const passed = vectors.begin(sequences.length);
    expect(worstOf(await scores.read(), logits.flat())).toBeLessThan(tolerance);
    passed();
    for (const label of [0, 2]) {
      const options = { slotCount: 3, capacity: 16, label };
      using reward = createScalarReward(loaded.params.embedding.device, loaded, options);
      const slots = sequences.map(() => reward.open());
      let last: ArrayLike<number> = [];
      for (let at = 0; at < 16; at++) {
        last = await reward.advance(
          slots.map((slot: number, text: number) => ({ slot, tokens: [sequences[text][at]] })),
        );
      }
      expect(
        worstOf(
          last,
          logits.map((row: number[]) => row[label]!),
        ),
      ).toBeLessThan(Math.max(tolerance, 1e-6));
    }
  });

  it("scores the last token that is not padding", async () => {
    using loaded = await load("reference");
    const { sequences, logits } = await readShared("tiny_gpt2_seqcls_logits.json");
    // The fixture's texts have no padding: cut by one and padded, they score as the cut text does.
    const cut = sequences.map((sequence: number[]) => sequence.slice(0, 15));
    const rows = async (texts: readonly number[][]) => {
      using scores = textScores(loaded, Uint32Array.from(texts.flat()), segmentsOf(texts.map(({ length }) => length)));
      return [...(await scores.read())];
    };
    const padded = await rows(cut.map((text: number[]) => [...text, 0]));
    checkClose("padded", padded, await rows(cut), 1e-12);
    expect(worstOf(padded, logits.flat())).toBeGreaterThan(0.01);
  });
});

const config = {
  model_type: "gpt2",
  n_embd: 12,
  n_layer: 2,
  n_head: 3,
  n_inner: 7,
  n_positions: 13,
  vocab_size: 11,
  layer_norm_epsilon: 1e-4,
  pad_token_id: 0,
  num_labels: 1,
};
const tokens = [3, 10, 0, 7, 7, 1, 9, 5, 2];

/** A random folder whose tensors are changed by `edit` before they are written; answers with folder and tensors. */
async function createModel(
  changes: Readonly<Record<string, unknown>> = {},
  edit: (tensors: Record<string, StoredTensor & { data: Float32Array }>) => void = () => {},
  prefix = "",
): Promise<{ readonly folder: string; readonly tensors: RawTensors }> {
  const folder = await mkdtemp(join(root, "model-"));
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, ...changes }));
  const tensors: Record<string, StoredTensor & { data: Float32Array }> = {};
  for (const weight of gpt2WeightNames(gpt2ConfigFrom({ ...config, ...changes }))) {
    const random = createRandom(7, weight.name);
    const shape = storedShape(weight);
    const size = shape.reduce((product, extent) => product * extent, 1);
    const name = weight.name.startsWith("lm_head") ? weight.name : prefix + weight.name;
    tensors[name] = { dtype: "F32", shape, data: Float32Array.from({ length: size }, () => 0.6 * random.normal()) };
  }
  edit(tensors);
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return { folder, tensors: new Map(Object.entries(tensors)) };
}

describe("loadGpt2() agrees with plain loops over the same files", () => {
  const variants = {
    "a plain model": {},
    "scores unscaled": { scale_attn_weights: false },
    "scores by layer": { scale_attn_by_inverse_layer_idx: true },
    "another epsilon": { layer_norm_epsilon: 0.1 },
  };
  for (const [label, changes] of Object.entries(variants)) {
    it(label, async () => {
      const { folder, tensors } = await createModel(changes, () => {}, "transformer.");
      const expected = scalarGpt2({ ...config, ...changes }, tensors, tokens, "transformer.").flat();
      for (const name of testDeviceNames) {
        using loaded = await loadGpt2(folder, await sharedDevice(name));
        using hidden = loaded.backbone.hidden(loaded.params, Uint32Array.from(tokens), segmentsOf([tokens.length]));
        checkClose(label, await hidden.read(), expected, name === "reference" ? 1e-12 : 5e-5);
      }
    });
  }

  it("has the head of its own where it is not tied", async () => {
    const { folder, tensors } = await createModel({ tie_word_embeddings: false });
    using loaded = await loadGpt2(folder, await sharedDevice("reference"));
    const head = tensors.get("lm_head.weight")!.data;
    const expected = scalarGpt2(config, tensors, tokens).flatMap((row) =>
      Array.from({ length: 11 }, (_, token) => row.reduce((sum, value, at) => sum + value * head[token * 12 + at]!, 0)),
    );
    checkClose("logits", await logitsOf(loaded, [tokens]), expected, 1e-12);
  });
});

describe("createScalarReward()", () => {
  const addScore = (tensors: Record<string, StoredTensor & { data: Float32Array }>) => {
    tensors["score.weight"] = {
      dtype: "F32",
      shape: [1, 12],
      data: Float32Array.from({ length: 12 }, (_, k) => k - 5),
    };
  };

  it("scores forks, cuts and padding as the whole text, and frees its cache", async () => {
    const device = await sharedDevice("reference");
    const { folder } = await createModel({}, addScore, "transformer.");
    using loaded = await loadGpt2Classifier(folder, device);
    expect(loaded.labels).toEqual(["LABEL_0"]);
    const { liveBuffers } = device.stats;
    const whole = async (text: readonly number[]) => {
      using scores = textScores(loaded, Uint32Array.from(text), segmentsOf([text.length]));
      return (await scores.read())[0]!;
    };
    {
      using reward = createScalarReward(device, loaded, { slotCount: 3, capacity: 13 });
      const slot = reward.open();
      expect((await reward.advance([{ slot, tokens: [3, 10, 4] }]))[0]).toBeCloseTo(await whole([3, 10, 4]), 5);
      const fork = reward.fork(slot);
      reward.truncate(slot, 2);
      const [cut, forked] = await reward.advance([
        { slot, tokens: [0, 0] },
        { slot: fork, tokens: [5, 0] },
      ]);
      expect(cut).toBeCloseTo(await whole([3, 10]), 5);
      expect(forked).toBeCloseTo(await whole([3, 10, 4, 5]), 5);
      expect(reward.length(fork)).toBe(5);
      reward.close(fork);
      const fresh = reward.open();
      await expect(reward.advance([{ slot: fresh, tokens: [] }])).rejects.toThrow("has no text to score");
      expect((await reward.advance([{ slot: fresh, tokens: [0] }]))[0]).toBeCloseTo(await whole([0]), 5);
      await expect(reward.advance([{ slot: fresh, tokens: [11] }])).rejects.toThrow("token 11 is not below");
    }
    expect(device.stats.liveBuffers).toBe(liveBuffers);
  });
});

describe("createScalarReward(), twice at once", () => {
  it("gives each call its own texts, though steps are recorded", async () => {
    const device = await sharedDevice("cpu");
    const { folder } = await createModel(
      {},
      (tensors) => {
        tensors["score.weight"] = {
          dtype: "F32",
          shape: [1, 12],
          data: Float32Array.from({ length: 12 }, (_, k) => k - 5),
        };
      },
      "transformer.",
    );
    using loaded = await loadGpt2Classifier(folder, device);
    using reward = createScalarReward(device, loaded, { slotCount: 2, capacity: 13 });
    const slots = [reward.open(), reward.open()];
    for (const token of [3, 4, 5]) {
      const both = await Promise.all(slots.map((slot, index) => reward.advance([{ slot, tokens: [token + index] }])));
      expect(both.length).toBe(2);
    }
    for (const [index, slot] of slots.entries()) {
      const text = [3, 4, 5, 7].map((token) => (token === 7 ? 7 : token + index));
      using whole = textScores(loaded, Uint32Array.from(text), segmentsOf([4]));
      expect((await reward.advance([{ slot, tokens: [7] }]))[0]).toBeCloseTo((await whole.read())[0]!, 4);
    }
  });
});

describe("loadGpt2()", () => {
  it("reports every weight, packs matrices and frees all", async () => {
    const device = await sharedDevice("cpu");
    const { liveBuffers } = device.stats;
    const { folder } = await createModel();
    const seen: number[] = [];
    {
      using loaded = await loadGpt2(folder, device, {
        dtype: "bf16",
        onProgress: ({ loadedBytes, totalBytes }) => seen.push(loadedBytes / totalBytes),
      });
      expect(seen.length).toBe(gpt2WeightNames(loaded.config).length);
      expect(seen.at(-1)).toBe(1);
      expect(loaded.params.layers[0]!.query.weight.dtype).toBe("bf16");
      expect(loaded.params.positions.dtype).toBe("f32");
      expect(loaded.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
    const controller = new AbortController();
    const loading = loadGpt2(folder, device, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(loading).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
    expect(device.stats.liveBuffers).toBe(liveBuffers);
  });

  it("reads a file through once and hashes it in passing, with a repeated head in parts", async () => {
    for (const repeated of [false, true]) {
      const { folder } = await createModel({}, (tensors) => {
        if (repeated) tensors["lm_head.weight"] = tensors["wte.weight"]!;
      });
      const bytes = await readFile(join(folder, "model.safetensors"));
      const source = countedSource(memorySource(bytes, "model"));
      const checkpoint = await openSafetensors(source);
      const opened = source.bytesRead;
      const read = gpt2ConfigFrom(config);
      const generation = { bosTokenId: null, eosTokenIds: [] };
      using loaded = (await loadWeights(checkpoint, read, generation, null, await sharedDevice("reference"), {})).model;
      expect(loaded.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
      // Every byte once for the hash, and before it the head and the embedding where they are compared.
      expect(source.bytesRead - opened).toBe(bytes.length + (repeated ? 2 * 4 * 11 * 12 : 0));
      expect(source.closed).toBe(true);
    }
  });

  it("takes causal masks and a repeated head, which change nothing", async () => {
    const { folder } = await createModel({}, (tensors) => {
      tensors["lm_head.weight"] = tensors["wte.weight"]!;
      tensors["h.0.attn.bias"] = { dtype: "F32", shape: [1, 1, 2, 2], data: Float32Array.of(1, 0, 1, 1) };
      tensors["h.1.attn.masked_bias"] = { dtype: "F32", shape: [], data: Float32Array.of(-1e4) };
    });
    using loaded = await loadGpt2(folder, await sharedDevice("reference"));
    expect(loaded.params.lmHead).toBeNull();
  });

  const norm = "ln_f.weight";
  const zeros = (...shape: number[]) => ({
    dtype: "F32" as const,
    shape,
    data: new Float32Array(shape.reduce((product, extent) => product * extent, 1)),
  });
  const refused: readonly (readonly [string, Parameters<typeof createModel>[1], string])[] = [
    ["a missing tensor", (tensors) => delete tensors[norm], `tensor "${norm}" of shape [12] is missing`],
    [
      "a transposed matrix",
      (tensors) => {
        tensors["h.0.mlp.c_fc.weight"] = zeros(7, 12);
      },
      "must have shape [12, 7]",
    ],
    [
      "a tensor that would be ignored",
      (tensors) => {
        tensors["h.0.crossattention.c_attn.weight"] = zeros(2);
      },
      "is not part of a gpt2 model of this config",
    ],
    [
      "a classifier",
      (tensors) => {
        tensors["score.weight"] = zeros(1, 12);
      },
      "load it with loadGpt2Classifier",
    ],
    [
      "another head under tied embeddings",
      (tensors) => {
        tensors["lm_head.weight"] = zeros(11, 12);
      },
      "set tie_word_embeddings to false",
    ],
  ];
  for (const [label, edit, message] of refused) {
    it(`refuses ${label} before uploading`, async () => {
      const device = await sharedDevice("reference");
      const { liveBuffers } = device.stats;
      const { folder } = await createModel({}, edit);
      const loading = loadGpt2(folder, device);
      await expect(loading).rejects.toThrow(message);
      await expect(loading).rejects.toThrow(CheckpointError);
      expect(device.stats.liveBuffers).toBe(liveBuffers);
    });
  }

  it("refuses a classifier without its score", async () => {
    const { folder } = await createModel();
    await expect(loadGpt2Classifier(folder, await sharedDevice("reference"))).rejects.toThrow(
      'tensor "score.weight" of shape [1, 12] is missing',
    );
  });
});
