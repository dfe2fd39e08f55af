// GGUF of every architecture of the table beside the same model as a folder, and metadata that cannot be run.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "@dual-head/backbone";
import {
  type GgufTensor,
  type GgufValue,
  ggufEncodings,
  ggufTypes,
  openCheckpoint,
  writeGguf,
  writeSafetensors,
} from "@dual-head/checkpoint";
import { createRandom } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { llamaConfigFrom } from "./config.ts";
import { ggufArchitectures } from "./gguf-architectures.ts";
import { expectSameParams, type Json, logitsFor, writeAs } from "./gguf-files.test-program.ts";
import { loadLlama } from "./load-llama.ts";
import { storedShape, weightNames } from "./params.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-gguf-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const tiny: Readonly<Record<string, Json>> = {
  llama: { model_type: "llama", num_key_value_heads: 1 },
  qwen2: { model_type: "qwen2", num_key_value_heads: 1, tie_word_embeddings: true },
  phi3: { model_type: "phi3", num_key_value_heads: 1, original_max_position_embeddings: 11 },
};
const extents = {
  hidden_size: 12,
  intermediate_size: 5,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  vocab_size: 7,
  max_position_embeddings: 11,
  rms_norm_eps: 2 ** -17,
};

/** A tiny model as a folder and as GGUF of the same weights. */
async function createPair(
  architecture: string,
  extra: Readonly<Record<string, GgufValue>> = {},
): Promise<{ readonly folder: string; readonly gguf: string }> {
  const folder = await mkdtemp(join(root, `${architecture}-`));
  const json = { ...extents, ...tiny[architecture] };
  const weights = weightNames(llamaConfigFrom(json));
  const values = new Map(
    weights.map((weight) => {
      const shape = storedShape(weight);
      const draw = createRandom(7, weight.name);
      const size = shape.reduce((product, extent) => product * extent, 1);
      return [
        weight.name,
        { dtype: "F32", shape, data: Float32Array.from({ length: size }, () => draw.normal()) },
      ] as const;
    }),
  );
  await writeFile(join(folder, "config.json"), JSON.stringify(json));
  await writeSafetensors(join(folder, "model.safetensors"), Object.fromEntries(values));
  const gguf = join(folder, "model.gguf");
  await writeAs(architecture, gguf, json, weights, (name) => values.get(name)!.data, extra);
  return { folder, gguf };
}

describe("blocks of GGUF packed again", () => {
  it.each([
    ["Q8_0", "q8"],
    ["Q4_0", "q4"],
  ] as const)("%s as %s keeps every number (seed 25)", async (encoding, dtype) => {
    const device = await sharedDevice("cpu");
    const { encode } = ggufEncodings[encoding];
    const { decode } = ggufTypes[encoding];
    const [rows, columns] = [3, 64];
    const floats = fc.float32Array({
      minLength: rows * columns,
      maxLength: rows * columns,
      noNaN: true,
      max: 1e4,
      min: -1e4,
    });
    const scales = fc.constantFrom(1, 1e-3, 1e-6);
    await fc.assert(
      fc.asyncProperty(floats, scales, async (drawn, scale) => {
        const decoded = decode!(Uint8Array.from(encode(drawn.map((value) => value * scale))));
        using packed = device.tensor(decoded, [rows, columns], dtype);
        // Zeros lose their sign.
        expect((await packed.read()).findIndex((value, at) => value !== decoded[at])).toBe(-1);
      }),
      { seed: 25, numRuns: 100 },
    );
  });
});

describe("loadLlama() of GGUF", () => {
  it.each(Object.keys(ggufArchitectures))("finds every weight of architecture %s", async (architecture) => {
    const device = await sharedDevice("reference");
    const { folder, gguf } = await createPair(architecture);
    using fromFolder = await loadLlama(folder, device);
    using fromGguf = await loadLlama(gguf, device);
    expect(fromGguf.config).toEqual(fromFolder.config);
    await expectSameParams(fromGguf, fromFolder);
    expect(fromGguf.generation).toEqual({ bosTokenId: null, eosTokenIds: [] });
    const tokens = [
      [1, 2, 6],
      [5, 4],
    ];
    expect(await logitsFor(fromGguf, tokens)).toEqual(await logitsFor(fromFolder, tokens));
  });

  it("reads heads, windows and stretched rotations", async () => {
    const device = await sharedDevice("reference");
    const cases: readonly (readonly [Readonly<Record<string, GgufValue>>, object])[] = [
      [{ "llama.attention.sliding_window": { u32: 5 } }, { architecture: "mistral", window: 5 }],
      [{ "llama.attention.key_length": { u32: 4 }, "llama.rope.dimension_count": { u32: 4 } }, { headSize: 4 }],
      [
        { "llama.rope.scaling.type": { string: "linear" }, "llama.rope.scaling.factor": { f32: 4 } },
        { ropeScaling: { type: "linear", factor: 4 } },
      ],
      [{ "llama.rope.scale_linear": { f32: 2 } }, { ropeScaling: { type: "linear", factor: 2 } }],
      [{ "llama.rope.scaling.type": { string: "none" } }, { ropeScaling: null }],
      [{ "llama.attention.head_count_kv": { i32s: [1, 1] } }, { groupCount: 1 }],
      [
        {
          "llama.rope.scaling.type": { string: "yarn" },
          "llama.rope.scaling.factor": { f32: 4 },
          "llama.rope.scaling.original_context_length": { u32: 11 },
        },
        { ropeScaling: expect.objectContaining({ type: "yarn", factor: 4, originalMaxTokens: 11 }) },
      ],
    ];
    for (const [extra, expected] of cases) {
      using loaded = await loadLlama((await createPair("llama", extra)).gguf, device);
      expect(loaded.config).toMatchObject(expected);
    }
  });

  it("divides frequencies by the file's factors", async () => {
    const device = await sharedDevice("reference");
    const json = { ...extents, ...tiny.llama };
    const weights = weightNames(llamaConfigFrom(json));
    const path = join(root, "factors.gguf");
    const draw = createRandom(3);
    const values = new Map(
      weights.map(({ name, shape }) => [
        name,
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => draw.normal()),
      ]),
    );
    await writeAs("llama", path, json, weights, (name) => values.get(name)!);
    using whole = await loadLlama(path, device);
    const source = await openCheckpoint(path);
    const tensors = source.names.map(
      (name): GgufTensor => ({
        name,
        shape: source.spec(name).shape,
        dtype: "F32",
        values: () => source.read(name, "f32"),
      }),
    );
    const factors: GgufTensor = {
      name: "rope_freqs.weight",
      shape: [2],
      dtype: "F32",
      values: () => Float32Array.of(4, 4),
    };
    const fields = Object.fromEntries(
      [...source.fields].map(([key, value]): [string, GgufValue] => [
        key,
        typeof value === "string"
          ? { string: value }
          : Number.isInteger(value) && !key.endsWith("freq_base")
            ? { u32: Number(value) }
            : { f32: Number(value) },
      ]),
    );
    const stretched = join(root, "stretched.gguf");
    await writeGguf(stretched, fields, [...tensors, factors]);
    await writeGguf(join(root, "linear.gguf"), { ...fields, "llama.rope.scaling.factor": { f32: 4 } }, tensors);
    await source.close();
    using byFactors = await loadLlama(stretched, device);
    using byRule = await loadLlama(join(root, "linear.gguf"), device);
    const tokens = [[1, 2, 6, 5, 4]];
    expect(await logitsFor(byFactors, tokens)).toEqual(await logitsFor(byRule, tokens));
    expect(await logitsFor(byFactors, tokens)).not.toEqual(await logitsFor(whole, tokens));
  });

  it("names the key it cannot run, and the tensor it does not know", async () => {
    const device = await sharedDevice("reference");
    const refused: readonly (readonly [Readonly<Record<string, GgufValue>>, RegExp])[] = [
      [
        { "general.architecture": { string: "rwkv" } },
        /"general.architecture" is "rwkv" but must be one of llama, qwen2/,
      ],
      [{ "general.architecture": { string: "toString" } }, /"general.architecture" is "toString"/],
      [{ "llama.attention.causal": { bool: false } }, /"llama.attention.causal" is false but must be left out/],
      [{ "llama.attention.head_count_kv": { i32s: [1, 3] } }, /head_count_kv" is "a list of 2" but must be the same/],
      [{ "llama.attention.value_length": { u32: 8 } }, /value_length" is 8 but must be 4/],
      [{ "llama.rope.dimension_count": { u32: 2 } }, /partial_rotary_factor/],
      [{ "llama.expert_count": { u32: 8 } }, /"num_local_experts" is 8/],
      [{ "llama.rope.scaling.type": { string: "su" } }, /rope.scaling.type" is "su"/],
      [{ "llama.rope.scaling.factor": { string: "4" } }, /rope.scaling.factor" is "4" but must be a number/],
      [{ "llama.block_count": { string: "2" } }, /"num_hidden_layers" is "2"/],
    ];
    for (const [extra, message] of refused) {
      const { gguf } = await createPair("llama", extra);
      await expect(loadLlama(gguf, device)).rejects.toThrow(message);
      await expect(loadLlama(gguf, device)).rejects.toThrow(ConfigError);
    }
    const { gguf } = await createPair("llama", { "llama.block_count": { u32: 1 } });
    await expect(loadLlama(gguf, device)).rejects.toThrow(
      /tensor "model.layers.1.[a-z_.]+" is not part of a llama model/,
    );
  });
});
