// llama2.c files: every tensor in its place in every version, what is refused, and the real ones beside their HF folder.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { memorySource } from "@dual-head/bytes";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import { describe, expect, it } from "vitest";
import { Llama2cError } from "../errors.ts";
import { openCheckpoint } from "../open-checkpoint.ts";
import { openLlama2c } from "./open.ts";
import { expectedTensors, legacyLlama2c, versionedLlama2c } from "./tiny-files.test-program.ts";

const open = (bytes: Uint8Array) => openLlama2c(memorySource(bytes, "m.bin"));
const header = { dim: 8, hidden_dim: 12, n_layers: 2, n_heads: 2, n_kv_heads: 1, vocab_size: 7, max_seq_len: 5 };

describe("openLlama2c()", () => {
  it("finds every tensor of legacy files and version 1", async () => {
    for (const [version, bytes, order] of [
      [0, legacyLlama2c(), "legacy"],
      [1, versionedLlama2c(1), "versioned"],
    ] as const) {
      const checkpoint = await open(bytes);
      expect(Object.fromEntries(checkpoint.fields)).toEqual({ version, ...header, shared_classifier: false });
      const expected = expectedTensors(order);
      expect(checkpoint.names).toEqual([...expected.keys()].sort());
      for (const [name, values] of expected) {
        expect(await checkpoint.read(name, "f32")).toEqual(values);
        expect(checkpoint.spec(name).shape.reduce((a, b) => a * b)).toBe(values.length);
      }
      expect(checkpoint.spec("layers.1.feed_forward.w2.weight")).toEqual({ dtype: "F32", shape: [8, 12] });
    }
  });

  it("decodes groups of bytes of version 2", async () => {
    const checkpoint = await open(versionedLlama2c(2));
    expect(checkpoint.fields.get("group_size")).toBe(4);
    for (const [name, values] of expectedTensors("versioned")) {
      const bytes = name.endsWith("norm.weight");
      expect(checkpoint.spec(name).dtype).toBe(bytes ? "F32" : "Q8");
      const group = (index: number) => Math.floor(index / 4) + 1;
      const expected = bytes ? values : values.map((_, index) => ((index % 255) - 127) * group(index));
      expect(await checkpoint.read(name, "f32")).toEqual(expected);
      expect(await checkpoint.read(name, "f64")).toEqual(Float64Array.from(expected));
    }
  });

  const edit = (bytes: Uint8Array<ArrayBuffer>, at: number, value: number) => {
    new DataView(bytes.buffer).setInt32(at, value, true);
    return bytes;
  };
  const refused: readonly (readonly [string, Uint8Array, string, number | null])[] = [
    ["nothing", new Uint8Array(0), "size", null],
    ["part of a header", versionedLlama2c(1).subarray(0, 200), "size", null],
    ["version 3", edit(versionedLlama2c(1), 4, 3), "version", 4],
    ["version 0", edit(versionedLlama2c(1), 4, 0), "version", 4],
    ["no layers", edit(legacyLlama2c(), 8, 0), "header", 8],
    ["negative extents", edit(legacyLlama2c(), 4, -12), "header", 4],
    ["heads of odd size", edit(legacyLlama2c(), 12, 8), "header", 12],
    ["heads that do not divide", edit(legacyLlama2c(), 12, 3), "header", 12],
    ["groups that do not divide", edit(edit(legacyLlama2c(), 12, 4), 16, 3), "header", 16],
    ["more weights than bytes", edit(legacyLlama2c(), 8, 2 ** 31 - 1), "size", null],
    ["a byte too many", Uint8Array.from([...legacyLlama2c(), 0]), "size", null],
    ["groups of no bytes", edit(versionedLlama2c(2), 37, 0), "header", 37],
    ["groups across tensors", edit(versionedLlama2c(2), 37, 3), "header", 37],
  ];
  for (const [label, bytes, rule, byte] of refused) {
    it(`refuses ${label}`, async () => {
      await expect(open(bytes)).rejects.toBeInstanceOf(Llama2cError);
      await expect(open(bytes)).rejects.toMatchObject({ path: "m.bin", rule, byte });
    });
  }
});

const stories = sharedAsset("models/stories260K");
const weak = sharedAsset("models/llama2xs");

/** Rows of queries and keys as Hugging Face has them: each head's even rows, then its odd ones. */
function halves(values: Float32Array, rows: number, headCount: number): Float32Array {
  const [columns, headSize] = [values.length / rows, rows / headCount];
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const [head, within] = [Math.floor(row / headSize), row % headSize];
    const to = head * headSize + (within % 2) * (headSize / 2) + Math.floor(within / 2);
    result.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return result;
}

describe.skipIf(stories === null || weak === null)("real models of llama2.c", () => {
  const vectors = countVectors("tensors of their Hugging Face folders, files of llama2.c");
  const hfNames: Readonly<Record<string, string>> = {
    "attention_norm.weight": "input_layernorm.weight",
    "attention.wq.weight": "self_attn.q_proj.weight",
    "attention.wk.weight": "self_attn.k_proj.weight",
    "attention.wv.weight": "self_attn.v_proj.weight",
    "attention.wo.weight": "self_attn.o_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "feed_forward.w1.weight": "mlp.gate_proj.weight",
    "feed_forward.w2.weight": "mlp.down_proj.weight",
    "feed_forward.w3.weight": "mlp.up_proj.weight",
  };
  const hfNameOf = (name: string) => {
    if (name === "tok_embeddings.weight") return "model.embed_tokens.weight";
    if (name === "norm.weight") return "model.norm.weight";
    const [, layer, rest] = /^layers\.(\d+)\.(.+)$/.exec(name)!;
    return `model.layers.${layer}.${hfNames[rest!]}`;
  };
  const files: readonly (readonly [string, string, string, number])[] = [
    ["stories260K, legacy", "stories260K.bin", "hf", 0],
    ["stories260K, version 1", "checkpoint_v1_clebert.bin", "hf", 0],
    ["stories260K, version 2", "stories260K-q8.bin", "hf", 1 / 254],
    ["llama2xs, legacy", "../llama2xs/model.bin", "../llama2xs/hf", 0],
  ];
  for (const [label, file, folder, bound] of files) {
    it(`${label}: the weights of its Hugging Face folder`, async () => {
      const checkpoint = await openCheckpoint(join(stories!, file));
      const original = await openCheckpoint(join(stories!, folder));
      const headCounts = { wq: checkpoint.fields.get("n_heads"), wk: checkpoint.fields.get("n_kv_heads") };
      for (const name of vectors.each(checkpoint.names)) {
        if (name === "output.weight") continue;
        const read = await checkpoint.read(name, "f32");
        const expected = await original.read(hfNameOf(name), "f32");
        const turned = /\.(wq|wk)\./.exec(name)?.[1] as "wq" | "wk" | undefined;
        const rows = checkpoint.spec(name).shape[0]!;
        const actual = turned === undefined ? read : halves(read, rows, headCounts[turned] as number);
        const most = expected.reduce((larger, each) => Math.max(larger, Math.abs(each)), 0);
        const worst = actual.reduce((larger, each, at) => Math.max(larger, Math.abs(each - expected[at]!)), 0);
        expect([name, worst <= most * bound * 1.001]).toEqual([name, true]);
      }
      expect(checkpoint.names.length).toBeGreaterThanOrEqual(47);
      await Promise.all([checkpoint.close(), original.close()]);
    });
  }

  it("are told from anything else by their bytes", async () => {
    const bytes = await readFile(join(stories!, "stories260K.bin"));
    const checkpoint = await openCheckpoint(memorySource(Uint8Array.from(bytes), "no name at all"));
    expect(checkpoint.format).toBe("llama2c");
    const cut = memorySource(Uint8Array.from(bytes.subarray(0, 1000)), "cut");
    await expect(openCheckpoint(cut)).rejects.toBeInstanceOf(Llama2cError);
  });
});
