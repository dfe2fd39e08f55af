// Ten thousand damaged files of each format: typed errors or a sound result, and never more asked of the source, or of
// memory, than the file has and a constant.
import { type ByteSource, memorySource } from "@dual-head/bytes";
import { countedSource, createAllocationRecord, measureAllocations, mutatedBytes } from "@dual-head/bytes/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elementCountOf } from "./dtype.ts";
import { formatHeadSize } from "./format.ts";
import { ggufTypes } from "./gguf/types.ts";
import { ggufChunks } from "./gguf/write.ts";
import {
  type Checkpoint,
  CheckpointError,
  encodeSafetensors,
  GgufError,
  ggufVocabularyOf,
  Llama2cError,
  openCheckpoint,
  SafetensorsError,
} from "./index.ts";
import { legacyLlama2c, versionedLlama2c } from "./llama2c/tiny-files.test-program.ts";

const safetensors = encodeSafetensors(
  {
    "model.norm": { dtype: "F32", shape: [5], data: Float32Array.of(1, 2, 3, 4, 5) },
    "model.head": { dtype: "BF16", shape: [3, 2], data: Uint16Array.of(1, 2, 3, 4, 5, 6) },
    empty: { dtype: "I64", shape: [0, 7], data: new BigInt64Array(0) },
  },
  { format: "pt" },
);

async function gguf(): Promise<Uint8Array> {
  const values = Float32Array.from({ length: 64 }, (_, index) => index - 30);
  const chunks: Uint8Array[] = [];
  const metadata = {
    "general.architecture": { string: "llama" },
    "general.alignment": { u32: 32 },
    "tokenizer.ggml.model": { string: "llama" },
    "tokenizer.ggml.tokens": { strings: ["<unk>", "a", "é"] },
    "tokenizer.ggml.scores": { f32s: [0, -1, -2] },
    "tokenizer.ggml.token_type": { i32s: [2, 1, 1] },
    "tokenizer.ggml.add_bos_token": { bool: true },
  };
  const tensors = (["F32", "F16", "BF16", "Q8_0", "Q4_0"] as const).map((dtype) => ({
    name: `blk.0.${dtype}`,
    shape: [2, 32],
    dtype,
    values: () => values,
  }));
  // Blocks of 256 numbers are read and not written: halves of as many bytes lie in their places.
  const blocks = (["Q4_K", "Q6_K"] as const).map((dtype) => {
    const count = ggufTypes[dtype].blockBytes / 2;
    return {
      name: `blk.0.${dtype}`,
      shape: [count],
      dtype: "F16" as const,
      values: () => new Float32Array(count).fill(0.5),
    };
  });
  for await (const chunk of ggufChunks("memory", metadata, [...tensors, ...blocks])) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  for (const dtype of ["Q4_K", "Q6_K"] as const) {
    // Behind the name: how many extents, the extent, the type.
    const at = bytes.indexOf(`blk.0.${dtype}`) + `blk.0.${dtype}`.length;
    bytes.writeBigUInt64LE(256n, at + 4);
    bytes.writeUInt32LE(ggufTypes[dtype].id, at + 12);
  }
  const checkpoint = await openCheckpoint(memorySource(bytes, "sound"));
  expect(checkpoint.names.map((name) => checkpoint.spec(name).dtype)).toEqual(
    expect.arrayContaining(["BF16", "Q4_K", "Q6_K"]),
  );
  return new Uint8Array(bytes);
}

const headEnd = 8 + Number(new DataView(safetensors.buffer).getBigUint64(0, true));
const formats: readonly (readonly [string, () => Promise<Uint8Array>, number, number])[] = [
  ["safetensors", async () => safetensors, headEnd, 10_000],
  ["GGUF", gguf, 700, 10_000],
  ["legacy llama2.c", async () => legacyLlama2c(), 28, 2000],
  ["llama2.c with groups of bytes", async () => versionedLlama2c(2), 48, 2000],
];

const typed = [SafetensorsError, GgufError, Llama2cError, CheckpointError];

/** Memory that does not depend on the file: buffers, the tables of halves in the main, and what the heap takes for anything. */
const [constantBytes, heapBytes] = [2 ** 20, 2 ** 21];

/** As an expectation, at a price that ten thousand runs can pay. */
function checkMost(what: string, actual: number, most: number): void {
  if (actual > most) throw new Error(`${what}: ${actual}, more than ${most}`);
}

describe.each(formats)("damaged files of %s", (name, create, headSize, numRuns) => {
  it(`give typed errors or tensors that lie inside the file (seed 53)`, async () => {
    const sound = await create();
    let refused = 0;
    const [opening, reading] = [createAllocationRecord(), createAllocationRecord()];
    const measureMost = async (what: string, record: typeof opening, bytes: number, body: () => Promise<void>) => {
      const found = await measureAllocations(body);
      record.add(found);
      checkMost(`bytes of the largest buffer to ${what}`, found.largestBuffer, bytes + constantBytes);
      checkMost(`bytes of buffers to ${what}`, found.bufferBytes, 4 * bytes + constantBytes);
      checkMost(`growth of the heap to ${what}`, found.heapGrowth, bytes + heapBytes);
    };
    const damage = async (bytes: Uint8Array<ArrayBuffer>) => {
      const source = countedSource(memorySource(bytes, "damaged"));
      let checkpoint: Checkpoint | null = null;
      await measureMost("open", opening, bytes.length, async () => {
        checkpoint = await openDamaged(source);
      });
      // The head that tells formats apart, the length of a header, and a header once.
      checkMost("bytes asked for to open", source.bytesRead, bytes.length + formatHeadSize + 8);
      checkMost("bytes asked for at once", source.longestRead, bytes.length);
      if (checkpoint === null) {
        refused++;
        if (!source.closed) throw new Error("a refused source stays open");
        return;
      }
      const opened = source.bytesRead;
      const decoded = numbersOf(checkpoint);
      await measureMost("read all tensors", reading, bytes.length + 4 * decoded, () => readAll(checkpoint!));
      // Ten numbers a byte is the most that blocks of integers hold.
      checkMost("numbers of all tensors", decoded, 10 * bytes.length);
      checkMost("bytes asked for to read all tensors", source.bytesRead - opened, bytes.length);
    };
    await damage(Uint8Array.from(sound));
    refused = 0;
    await fc.assert(fc.asyncProperty(mutatedBytes(sound, { headSize }), damage), { seed: 53, numRuns });
    const { largestBuffer, heapGrowth } = opening.most;
    console.log(
      `${name}: ${refused} of ${numRuns} damaged files of about ${sound.length} bytes refused; buffers of up to ${largestBuffer} bytes to open and ${reading.most.largestBuffer} to read, the heap grew by up to ${heapGrowth}`,
    );
    expect(refused).toBeGreaterThan(numRuns / 10);
  });
});

/** The checkpoint, or null where it is refused by a typed error. */
async function openDamaged(source: ByteSource): Promise<Checkpoint | null> {
  try {
    return await openCheckpoint(source);
  } catch (error) {
    if (!typed.some((kind) => error instanceof kind)) throw error;
    return null;
  }
}

/** Numbers of the tensors that can be decoded. */
function numbersOf(checkpoint: Checkpoint): number {
  return checkpoint.names.reduce((sum, name) => sum + elementCountOf(checkpoint.spec(name).shape), 0);
}

async function readAll(checkpoint: Checkpoint): Promise<void> {
  for (const each of checkpoint.names) {
    const { shape } = checkpoint.spec(each);
    try {
      const { length } = await checkpoint.read(each, "f32");
      if (length !== elementCountOf(shape)) expect([each, length]).toEqual([each, elementCountOf(shape)]);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
    }
  }
  try {
    ggufVocabularyOf(checkpoint);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
  }
  await checkpoint.close();
}
