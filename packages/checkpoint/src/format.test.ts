// Formats are told by bytes, and only where these say nothing by names.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memorySource } from "@dual-head/bytes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeGguf } from "./gguf/write.ts";
import {
  CheckpointError,
  encodeSafetensors,
  findModelFormat,
  GgufError,
  openCheckpoint,
  SafetensorsError,
} from "./index.ts";
import { legacyLlama2c, versionedLlama2c } from "./llama2c/tiny-files.test-program.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-format-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("findModelFormat()", () => {
  it("tells every format whatever the name", async () => {
    const weights = encodeSafetensors({ w: { dtype: "F32", shape: [1], data: Float32Array.of(1) } });
    await writeGguf(join(root, "w.gguf"), {}, []);
    await copyFile(join(root, "w.gguf"), join(root, "plain"));
    await mkdir(join(root, "folder"));
    const index = JSON.stringify({ weight_map: { w: "w.safetensors" } });
    const files = {
      "w.safetensors": weights,
      "named.bin": weights,
      "w.safetensors.index.json": index,
      "pretty.json": `\n  ${index}`,
      "legacy.gguf.bin": legacyLlama2c(),
      "v1.dat": versionedLlama2c(1),
      "v2.dat": versionedLlama2c(2),
      "folder/model.safetensors": weights,
    };
    for (const [name, content] of Object.entries(files)) await writeFile(join(root, name), content);
    const expected = {
      "w.gguf": "gguf",
      plain: "gguf",
      "w.safetensors": "safetensors",
      "named.bin": "safetensors",
      "w.safetensors.index.json": "safetensors-index",
      "pretty.json": "safetensors-index",
      "legacy.gguf.bin": "llama2c",
      "v1.dat": "llama2c",
      "v2.dat": "llama2c",
      folder: "folder",
    };
    for (const [name, format] of Object.entries(expected)) {
      expect([name, await findModelFormat(join(root, name))]).toEqual([name, format]);
      const checkpoint = await openCheckpoint(join(root, name));
      expect(checkpoint.format).toBe(/gguf|llama2c/.test(format) ? format : "safetensors");
      await checkpoint.close();
    }
  });

  it("names what cannot be read, and what is damaged by what it was meant to be", async () => {
    const files: readonly (readonly [string, Uint8Array | string, unknown, RegExp])[] = [
      [
        "pytorch_model.bin",
        Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0),
        CheckpointError,
        /a PyTorch file, which may run code/,
      ],
      ["old.pt", Uint8Array.of(0x80, 2, 0x8a, 10), CheckpointError, /a PyTorch file/],
      ["readme", "just text, and rather more of it than a header", CheckpointError, /but is none of these/],
      ["empty", "", CheckpointError, /but is none of these/],
      ["empty.gguf", "", GgufError, /truncated|would end/],
      ["empty.safetensors", "", SafetensorsError, /fewer than the 8/],
    ];
    for (const [name, content, kind, message] of files) {
      const path = join(root, `bad-${name}`);
      await writeFile(path, content);
      await expect(openCheckpoint(path)).rejects.toBeInstanceOf(kind);
      await expect(openCheckpoint(path)).rejects.toThrow(message);
    }
    await expect(findModelFormat(join(root, "nowhere"))).rejects.toMatchObject({ name: "FileError" });
    await mkdir(join(root, "bare"));
    await expect(findModelFormat(join(root, "bare"))).rejects.toThrow(
      /it needs model.safetensors or .* no weight file/,
    );
    const index = memorySource(new TextEncoder().encode(`{"weight_map":{}}`), "index");
    await expect(openCheckpoint(index)).rejects.toThrow(/open it by its path/);
  });

  it("openCheckpoint() ends with its signal, and closes what it opened", async () => {
    const controller = new AbortController();
    const path = join(root, "w.safetensors");
    const checkpoint = await openCheckpoint(path, { signal: controller.signal });
    expect(await checkpoint.read("w", "f32")).toEqual(Float32Array.of(1));
    controller.abort();
    await expect(checkpoint.read("w", "f32")).rejects.toMatchObject({ name: "AbortError" });
    await expect(checkpoint.sha256()).rejects.toMatchObject({ name: "AbortError" });
    await checkpoint.close();
    await expect(openCheckpoint(path, { signal: controller.signal })).rejects.toMatchObject({ name: "AbortError" });
  });
});
