// One model in every format: the same parameters, the same text; how much is read at once; aborts; files that lie.
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTokenBatch } from "@dual-head/backbone";
import { type ByteSource, blobSource, memorySource, openFile, openHttp } from "@dual-head/bytes";
import { countedSource } from "@dual-head/bytes/testing";
import {
  type GgufDtype,
  ggufEncodings,
  ggufTypes,
  openCheckpoint,
  type StoredTensor,
  writeSafetensors,
} from "@dual-head/checkpoint";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import type { Device } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { llamaConfigFrom } from "./config.ts";
import { expectSameParams, type Json, logitsFor, logitsOf, writeAs } from "./gguf-files.test-program.ts";
import { type LoadedLlama, loadLlama } from "./load-llama.ts";
import { weightNames } from "./params.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-formats-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const stories = sharedAsset("models/stories260K");
const weak = sharedAsset("models/llama2xs");
const parity = sharedAsset("hf_parity");
const random = sharedAsset("models/llama2-tiny-random-gguf/llama-2-tiny-random.gguf");

/** Two hundred greedy steps from the beginning of a text, as llama2.c counts them. */
async function greedyIds(loaded: LoadedLlama, device: Device): Promise<readonly number[]> {
  const { backbone, params, generation } = loaded;
  using cache = backbone.createCache(device, { slotCount: 1, capacity: 200 });
  const slot = cache.open();
  const ids: number[] = [];
  let token = generation.bosTokenId!;
  for (let step = 0; step < 200; step++) {
    const batch = createTokenBatch([{ slot, tokens: [token] }], (each) => cache.length(each));
    using logits = device.scope(() => logitsOf(loaded, backbone.extend(params, batch, cache)));
    const values = await logits.read();
    token = Array.from(values).reduce((best, value, id) => (value > values[best]! ? id : best), 0);
    if (token === generation.bosTokenId) break;
    ids.push(token);
  }
  return ids;
}

function decode(ids: readonly number[], pieces: readonly string[]): string {
  const text = ids.map((id) =>
    pieces[id]!.replace(/^<0x([0-9A-F]{2})>$/, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
  return text.join("").replaceAll("▁", " ").trim();
}

const storiesText = sharedAsset("ref/stories260K_expected.json");

describe.skipIf(stories === null || weak === null || storiesText === null)("stories260K", () => {
  const forms = countVectors("llama2.c's greedy story, forms of stories260K");
  const folder = join(stories ?? "", "hf");

  async function writeStories(path: string): Promise<void> {
    const json = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as Json;
    const tokenizer = JSON.parse(await readFile(join(folder, "tokenizer.json"), "utf8"));
    const vocabulary = Object.entries(tokenizer.model.vocab as Record<string, number>).sort(([, a], [, b]) => a - b);
    const checkpoint = await openCheckpoint(folder);
    await writeAs("llama", path, json, weightNames(llamaConfigFrom(json)), (name) => checkpoint.read(name, "f32"), {
      "tokenizer.ggml.model": { string: "llama" },
      "tokenizer.ggml.tokens": { strings: vocabulary.map(([piece]) => piece) },
      "tokenizer.ggml.bos_token_id": { u32: 1 },
      "tokenizer.ggml.eos_token_id": { u32: 2 },
    });
    await checkpoint.close();
  }

  it("has the same parameters and greedy text from .bin (legacy, version 1), its folder and our own GGUF", async () => {
    const gguf = join(root, "stories.gguf");
    await writeStories(gguf);
    const files = {
      folder,
      "model.safetensors": join(folder, "model.safetensors"),
      legacy: join(stories!, "stories260K.bin"),
      "version 1": join(stories!, "checkpoint_v1_clebert.bin"),
      GGUF: gguf,
    };
    const { expected_stdout: expected } = JSON.parse(await readFile(storiesText!, "utf8")) as {
      expected_stdout: string;
    };
    const { model } = JSON.parse(await readFile(join(folder, "tokenizer.json"), "utf8"));
    const pieces = Object.keys(model.vocab as Record<string, number>);
    for (const [piece, id] of Object.entries(model.vocab as Record<string, number>)) pieces[id] = piece;
    const device = await sharedDevice("cpu");
    using first = await loadLlama(folder, device);
    for (const [label, path] of forms.each(Object.entries(files))) {
      using loaded = await loadLlama(path, device);
      await expectSameParams(loaded, first);
      const text = decode(await greedyIds(loaded, device), pieces);
      expect([label, text]).toEqual([label, expected]);
    }
  });

  it("of bytes in groups (version 2), and llama2xs, agree with their folders", async () => {
    const device = await sharedDevice("cpu");
    const tokens = [[1, 403, 407, 261, 378, 31, 5]];
    for (const [file, origin, bound] of [
      [join(stories!, "stories260K-q8.bin"), folder, 0.2],
      [join(weak!, "model.bin"), join(weak!, "hf"), 1e-5],
    ] as const) {
      using loaded = await loadLlama(file, device);
      using original = await loadLlama(origin, device);
      const [actual, expected] = [await logitsFor(loaded, tokens), await logitsFor(original, tokens)];
      const worst = actual.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at]!)), 0);
      expect([file, worst]).toEqual([file, expect.closeTo(0, -Math.log10(2 * bound))]);
      expect({ ...loaded.config, maxTokens: 0 }).toEqual({ ...original.config, maxTokens: 0 });
    }
  });

  it("is read a tensor at a time: none is asked for before the last is on the device", async () => {
    const gguf = join(root, "counted.gguf");
    await writeStories(gguf);
    const device = await sharedDevice("cpu");
    for (const path of [gguf, join(stories!, "stories260K.bin")]) {
      const checkpoint = await openCheckpoint(path);
      const sizes = await Promise.all(checkpoint.names.map(async (name) => (await checkpoint.readRaw(name)).length));
      await checkpoint.close();
      const largest = Math.max(...sizes);
      const source = countedSource(await openFile(path));
      const { bytes: before } = device.stats;
      // Every read of a tensor, and every upload, in order.
      const events: string[] = [];
      const watched: ByteSource = {
        ...source,
        read(offset, length, signal) {
          // Headers are read from the start, and what is behind the last tensor for the hash.
          if (offset > 0 && sizes.includes(length) && events.length < 2 * sizes.length) events.push("read");
          return source.read(offset, length, signal);
        },
      };
      let uploaded = 0;
      const seconds: number[] = [];
      using _ = await loadLlama(watched, device, {
        onProgress: ({ loadedBytes, totalBytes, secondsLeft }) => {
          events.push("upload");
          // What has been read is on the device by now, and let go here.
          expect(loadedBytes).toBeGreaterThan(uploaded);
          expect(loadedBytes).toBeLessThanOrEqual(totalBytes);
          uploaded = loadedBytes;
          expect(device.stats.bytes - before).toBeGreaterThanOrEqual(loadedBytes);
          seconds.push(secondsLeft);
        },
      });
      expect(events).toEqual(sizes.flatMap(() => ["read", "upload"]));
      // The hash is made in passing: beside each byte once, only what is before the first tensor and behind the last.
      expect(source.bytesRead).toBeLessThan(1.1 * source.size);
      // Heads of files apart, and the hash in the end, which reads in parts of a mebibyte.
      expect(Math.max(...source.ranges.map(({ length }) => length).filter((length) => length < 2 ** 20))).toBe(largest);
      expect(seconds.every((each) => Number.isFinite(each) && each >= 0)).toBe(true);
      expect(seconds.at(-1)).toBe(0);
      expect(source.closed).toBe(true);
    }
  });

  it("loads over HTTP, through connections that drop, and from a blob, each byte once", async () => {
    const gguf = join(root, "served.gguf");
    await writeStories(gguf);
    const content = Uint8Array.from(await readFile(gguf));
    let [requests, sent] = [0, 0];
    const server = createServer((request, response) => {
      const [first, last] = request.headers.range!.slice(6).split("-").map(Number) as [number, number];
      response.writeHead(206, { "content-range": `bytes ${first}-${last}/${content.length}` });
      const part = content.subarray(first, last + 1);
      requests++;
      // Every fifth answer ends half way.
      const cut = requests % 5 === 0 && part.length > 1 ? part.subarray(0, part.length >> 1) : part;
      sent += cut.length;
      if (cut === part) response.end(part);
      else response.write(cut, () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const device = await sharedDevice("cpu");
      using local = await loadLlama(gguf, device);
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/served.gguf`;
      using remote = await loadLlama(await openHttp(url, { waitMilliseconds: 1 }), device);
      await expectSameParams(remote, local);
      expect(remote.sha256).toBe(local.sha256);
      expect(sent).toBeLessThan(1.1 * content.length);
      using picked = await loadLlama(blobSource(new Blob([content]), "picked.gguf"), device);
      await expectSameParams(picked, local);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("stops within a read when aborted, frees what it had uploaded and closes its file", async () => {
    const device = await sharedDevice("cpu");
    const { liveBuffers, bytes: held } = device.stats;
    const content = Uint8Array.from(await readFile(join(stories!, "stories260K.bin")));
    let openings = 0;
    for (let stopAt = 0; ; stopAt++) {
      const controller = new AbortController();
      const source = countedSource(memorySource(content, "stories260K.bin"));
      const watched: ByteSource = {
        ...source,
        read(offset, length, signal) {
          if (source.ranges.length === stopAt) controller.abort(new RangeError("enough"));
          return source.read(offset, length, signal);
        },
      };
      try {
        (await loadLlama(watched, device, { signal: controller.signal }))[Symbol.dispose]();
        openings++;
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      } finally {
        expect(source.closed).toBe(true);
        expect([device.stats.liveBuffers, device.stats.bytes]).toEqual([liveBuffers, held]);
      }
      expect(stopAt).toBeLessThan(200);
    }
    expect(openings).toBe(1);
  });
});

/** A parity model as a folder whose matrices are rounded to an encoding. */
async function roundedFolder(model: string, dtype: GgufDtype): Promise<string> {
  const folder = await mkdtemp(join(root, "rounded-"));
  await copyFile(join(parity!, `${model}_config.json`), join(folder, "config.json"));
  const checkpoint = await openCheckpoint(join(parity!, `${model}.safetensors`));
  const tensors: Record<string, StoredTensor> = {};
  for (const name of checkpoint.names) {
    const { shape } = checkpoint.spec(name);
    const values = await checkpoint.read(name, "f32");
    const round = () => ggufTypes[dtype].decode!(Uint8Array.from(ggufEncodings[dtype].encode(values)));
    tensors[name] = { dtype: "F32", shape, data: shape.length === 1 ? values : round() };
  }
  await checkpoint.close();
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return folder;
}

describe.skipIf(parity === null || random === null)("GGUF files of other programs", () => {
  const rows = countVectors("transformers' logits, rows of tiny_llama_f32.gguf");
  it("give the published logits in F32, and the very weights rounded in F16 and Q8_0", async () => {
    const device = await sharedDevice("reference");
    const { sequences, logits } = JSON.parse(await readFile(join(parity!, "tiny_llama_logits.json"), "utf8"));
    const expected = (logits as number[][][]).flat(2);
    const worstOf = (actual: readonly number[], wanted: readonly number[]) =>
      actual.reduce((most, value, at) => Math.max(most, Math.abs(value - wanted[at]!)), 0);
    using plain = await loadLlama(join(parity!, "tiny_llama_f32.gguf"), device);
    const passed = rows.begin((logits as number[][][]).flat().length);
    expect(worstOf(await logitsFor(plain, sequences), expected)).toBeLessThan(1e-9);
    passed();
    for (const [model, file, dtype] of [
      ["tiny_llama", "tiny_llama_f16.gguf", "F16"],
      ["tiny_llama_q8", "tiny_llama_q8.gguf", "Q8_0"],
    ] as const) {
      using loaded = await loadLlama(join(parity!, file), device);
      using rounded = await loadLlama(await roundedFolder(model, dtype), device);
      await expectSameParams(loaded, rounded);
      expect(loaded.config).toEqual({ ...rounded.config, normEpsilon: Math.fround(1e-5) });
    }
  });

  it("with a whole vocabulary load, also packed, to the numbers of their blocks", async () => {
    const device = await sharedDevice("cpu");
    using loaded = await loadLlama(random!, device);
    expect(loaded.config).toMatchObject({
      hiddenSize: 8,
      layerCount: 1,
      vocabSize: 32000,
      maxTokens: 4096,
      headSize: 4,
    });
    expect(loaded.generation).toEqual({ bosTokenId: 1, eosTokenIds: [2] });
    expect((await logitsFor(loaded, [[1, 2, 3]])).every(Number.isFinite)).toBe(true);
    // Every block that ggml rounds reaches ±127, from which our q8 finds the same scale: nothing is lost.
    using exact = await loadLlama(join(parity!, "tiny_llama_q8.gguf"), device);
    using packed = await loadLlama(join(parity!, "tiny_llama_q8.gguf"), device, { dtype: "q8" });
    expect(packed.params.embedding.dtype).toBe("q8");
    await expectSameParams(packed, exact);
  });
});
