// Folders, shards, conversions and hashes on a real disk, and the real checkpoints where they are present.
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileError, f16ToF32, f32ToBf16, f32ToF16 } from "@dual-head/bytes";
import { sharedAsset } from "@dual-head/repo-tools";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CheckpointError,
  checkTensor,
  type DeferredTensor,
  encodeSafetensors,
  openCheckpoint,
  ReadMemory,
  SafetensorsError,
  type StoredTensor,
  writeSafetensors,
  writeShards,
} from "./index.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-checkpoint-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const values = Float32Array.of(0.1, -2, 65504, 2 ** -24, 1.5, 7);
const f32: StoredTensor = { dtype: "F32", shape: [2, 3], data: values };

async function createFolder(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder);
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
  return folder;
}

describe("openCheckpoint() of one file", () => {
  it("reads F64, F32, F16 and BF16 as f32 and f64, and refuses to convert others", async () => {
    const path = join(root, "kinds.safetensors");
    const doubles = Float64Array.of(0.1, Math.PI, 1e300);
    await writeSafetensors(path, {
      f32,
      f64: { dtype: "F64", shape: [3], data: doubles },
      f16: { dtype: "F16", shape: [6], data: f32ToF16(values) },
      bf16: { dtype: "BF16", shape: [6], data: f32ToBf16(values) },
      i32: { dtype: "I32", shape: [], data: Int32Array.of(-7) },
    });
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.names).toEqual(["bf16", "f16", "f32", "f64", "i32"]);
    expect(await checkpoint.read("f32", "f32")).toEqual(values);
    expect(await checkpoint.read("f32", "f64")).toEqual(Float64Array.from(values));
    expect(await checkpoint.read("f64", "f64")).toEqual(doubles);
    expect(await checkpoint.read("f64", "f32")).toEqual(Float32Array.from(doubles));
    expect(await checkpoint.read("f16", "f32")).toEqual(f16ToF32(f32ToF16(values)));
    expect(await checkpoint.read("bf16", "f64")).toEqual(Float64Array.of(0.10009765625, -2, 65536, 2 ** -24, 1.5, 7));
    const memory = new ReadMemory();
    for (const name of ["f32", "f64", "f16", "bf16"]) {
      const [alone, shared] = [await checkpoint.read(name, "f32"), await checkpoint.read(name, "f32", memory)];
      expect(shared).toEqual(alone);
      expect(await checkpoint.read(name, "f64", memory)).toEqual(await checkpoint.read(name, "f64"));
    }
    const first = await checkpoint.read("f16", "f32", memory);
    expect((await checkpoint.read("bf16", "f32", memory)).buffer).toBe(first.buffer);
    expect(await checkpoint.readRaw("i32")).toEqual(Uint8Array.of(0xf9, 0xff, 0xff, 0xff));
    await expect(checkpoint.read("i32", "f32")).rejects.toMatchObject({
      name: "CheckpointError",
      tensor: "i32",
      expected: "F64, F32, F16 or BF16",
      actual: "I32",
    });
    const hash = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
    expect(await checkpoint.sha256()).toBe(hash);
    await checkpoint.close();
    await expect(checkpoint.read("f32", "f32")).rejects.toThrow(FileError);
  });

  it("names what is missing or of another shape", async () => {
    const folder = await createFolder("single", { "model.safetensors": encodeSafetensors({ "lm.head": f32 }) });
    const checkpoint = await openCheckpoint(folder);
    expect(checkTensor(checkpoint, "lm.head", [2, 3])).toEqual({ dtype: "F32", shape: [2, 3] });
    expect(() => checkTensor(checkpoint, "lm.head", [3, 2])).toThrow(
      expect.objectContaining({ path: folder, tensor: "lm.head", expected: "shape [3, 2]", actual: "shape [2, 3]" }),
    );
    expect(() => checkTensor(checkpoint, "norm", [5])).toThrow(expect.objectContaining({ actual: "missing" }));
    expect(() => checkpoint.spec("norm")).toThrow(CheckpointError);
    await expect(checkpoint.readRaw("norm")).rejects.toThrow(/"norm"/);
    await checkpoint.close();
  });

  it("refuses truncated files, empty folders and absent paths", async () => {
    const whole = encodeSafetensors({ w: f32 });
    for (const size of [0, 7, 8, 31, whole.length - 1]) {
      const path = join(root, `cut-${size}.safetensors`);
      await writeFile(path, whole.subarray(0, size));
      await expect(openCheckpoint(path)).rejects.toThrow(SafetensorsError);
    }
    const other = await createFolder("other", { "pytorch_model.bin": "" });
    await expect(openCheckpoint(other)).rejects.toMatchObject({ name: "CheckpointError", actual: "pytorch_model.bin" });
    await expect(openCheckpoint(join(root, "absent"))).rejects.toThrow(FileError);
  });
});

describe("openCheckpoint() of shards", () => {
  const first = encodeSafetensors({ a: f32 }, { format: "pt" });
  const second = encodeSafetensors({ b: f32, c: f32 });
  const index = (map: unknown) => JSON.stringify({ metadata: { total_size: 72 }, weight_map: map });
  const sound = { b: "two.safetensors", a: "one.safetensors", c: "two.safetensors" };
  const files = { "one.safetensors": first, "two.safetensors": second };

  it("joins them and hashes them in the order of their names", async () => {
    const folder = await createFolder("shards", { ...files, "model.safetensors.index.json": index(sound) });
    for (const path of [folder, `${folder}/`, join(folder, "model.safetensors.index.json")]) {
      const checkpoint = await openCheckpoint(path);
      expect(checkpoint.names).toEqual(["a", "b", "c"]);
      expect(checkpoint.metadata).toEqual({ format: "pt" });
      expect(await checkpoint.read("c", "f32")).toEqual(values);
      expect(await checkpoint.sha256()).toBe(createHash("sha256").update(first).update(second).digest("hex"));
      await checkpoint.close();
    }
  });

  it("refuses indexes that do not fit their shards", async () => {
    const broken: Readonly<Record<string, string>> = {
      "missing-shard": index({ ...sound, d: "three.safetensors" }),
      "missing-tensor": index({ ...sound, d: "one.safetensors" }),
      "wrong-shard": index({ ...sound, b: "one.safetensors" }),
      "outside-folder": index({ ...sound, a: "../one.safetensors" }),
      "no-names": index({ a: 1 }),
      "no-map": "{}",
      "empty-map": index({}),
      "no-object": "null",
    };
    for (const [name, text] of Object.entries(broken)) {
      const folder = await createFolder(name, { ...files, "model.safetensors.index.json": text });
      await expect(openCheckpoint(folder)).rejects.toThrow(CheckpointError);
    }
    const malformed = await createFolder("malformed", { ...files, "model.safetensors.index.json": "{" });
    await expect(openCheckpoint(malformed)).rejects.toMatchObject({ name: "FileError", action: "parse" });
  });
});

describe("writeSafetensors()", () => {
  it("leaves the old file where a tensor is refused", async () => {
    const folder = await createFolder("atomic", {});
    const path = join(folder, "heads.safetensors");
    await writeSafetensors(path, { w: f32 });
    const before = await readFile(path);
    const wrong = { v: f32, w: { ...f32, shape: [5] } };
    await expect(writeSafetensors(path, wrong)).rejects.toThrow(CheckpointError);
    expect(await readFile(path)).toEqual(before);
    expect(await readdir(folder)).toEqual(["heads.safetensors"]);
    await expect(writeSafetensors(join(folder, "absent", "x"), { w: f32 })).rejects.toThrow(FileError);
  });
});

describe("writeShards()", () => {
  const tensors: Readonly<Record<string, StoredTensor | DeferredTensor>> = {
    b: { dtype: "F32", shape: [2, 3], data: async () => values },
    a: { dtype: "BF16", shape: [6], data: f32ToBf16(values) },
    c: { dtype: "F64", shape: [2], data: async () => Float64Array.of(1, 2) },
  };

  it("divides tensors into files that read as one checkpoint", async () => {
    for (const [shardBytes, files] of [
      [1000, ["model.safetensors"]],
      [30, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]],
      [
        1,
        [
          "model-00001-of-00003.safetensors",
          "model-00002-of-00003.safetensors",
          "model-00003-of-00003.safetensors",
          "model.safetensors.index.json",
        ],
      ],
    ] as const) {
      const folder = await createFolder(`divided-${shardBytes}`, {});
      await writeShards(folder, tensors, { shardBytes, metadata: { format: "pt" } });
      expect((await readdir(folder)).sort()).toEqual(files);
      const checkpoint = await openCheckpoint(folder);
      expect(checkpoint.names).toEqual(["a", "b", "c"]);
      expect(checkpoint.metadata).toEqual({ format: "pt" });
      expect(await checkpoint.read("b", "f32")).toEqual(values);
      expect(await checkpoint.read("c", "f64")).toEqual(Float64Array.of(1, 2));
      await checkpoint.close();
      if (files.length === 1) continue;
      const index = JSON.parse(await readFile(join(folder, "model.safetensors.index.json"), "utf8"));
      expect(index.metadata).toEqual({ total_size: 24 + 12 + 16 });
      expect(Object.keys(index.weight_map)).toEqual(["a", "b", "c"]);
    }
  });
});

const stories = sharedAsset("models/stories260K/hf");
const parity = sharedAsset("hf_parity");

describe.skipIf(stories === null)("a real checkpoint", () => {
  it("opens, and its embedding has the shape its config gives", async () => {
    const checkpoint = await openCheckpoint(stories!);
    const config = JSON.parse(await readFile(join(stories!, "config.json"), "utf8"));
    const name = "model.embed_tokens.weight";
    checkTensor(checkpoint, name, [config.vocab_size, config.hidden_size]);
    const embedding = await checkpoint.read(name, "f32");
    expect(embedding.length).toBe(512 * 64);
    expect(embedding.every(Number.isFinite)).toBe(true);
    await checkpoint.close();
  });
});

describe.skipIf(parity === null)("the same model in one file and in shards", () => {
  it("has the same tensors", async () => {
    const whole = await openCheckpoint(join(parity!, "tiny_llama.safetensors"));
    const sharded = await openCheckpoint(join(parity!, "tiny_llama.safetensors.index.json"));
    expect(sharded.names).toEqual(whole.names);
    for (const name of whole.names) {
      expect(sharded.spec(name)).toEqual(whole.spec(name));
      expect(await sharded.readRaw(name)).toEqual(await whole.readRaw(name));
    }
    await Promise.all([whole.close(), sharded.close()]);
  });

  it("every safetensors file there is well-formed", async () => {
    const names = (await readdir(parity!)).filter((name) => name.endsWith(".safetensors"));
    for (const name of names) await (await openCheckpoint(join(parity!, name))).close();
    expect(names.length).toBeGreaterThan(5);
  });
});
