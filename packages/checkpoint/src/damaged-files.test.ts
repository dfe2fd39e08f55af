// Ten thousand damaged files of each format: typed errors or a sound result, and never more asked of the source than the
// file has.
import { memorySource } from "@dual-head/bytes";
import { countedSource, mutatedBytes } from "@dual-head/bytes/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elementCountOf } from "./dtype.ts";
import { formatHeadSize } from "./format.ts";
import { ggufChunks } from "./gguf/write.ts";
import {
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
  const tensors = (["F32", "F16", "Q8_0", "Q4_0"] as const).map((dtype) => ({
    name: `blk.0.${dtype}`,
    shape: [2, 32],
    dtype,
    values: () => values,
  }));
  for await (const chunk of ggufChunks("memory", metadata, tensors)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

const headEnd = 8 + Number(new DataView(safetensors.buffer).getBigUint64(0, true));
const formats: readonly (readonly [string, () => Promise<Uint8Array>, number, number])[] = [
  ["safetensors", async () => safetensors, headEnd, 10_000],
  ["GGUF", gguf, 500, 10_000],
  ["legacy llama2.c", async () => legacyLlama2c(), 28, 2000],
  ["llama2.c with groups of bytes", async () => versionedLlama2c(2), 48, 2000],
];

const typed = [SafetensorsError, GgufError, Llama2cError, CheckpointError];

/** As an expectation, at a price that ten thousand runs can pay. */
function checkMost(what: string, actual: number, most: number): void {
  if (actual > most) throw new Error(`${what}: ${actual}, more than ${most}`);
}

describe.each(formats)("damaged files of %s", (name, create, headSize, numRuns) => {
  it(`give typed errors or tensors that lie inside the file (seed 53)`, async () => {
    const sound = await create();
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutatedBytes(sound, { headSize }), async (bytes) => {
        const source = countedSource(memorySource(bytes, "damaged"));
        let checkpoint: Awaited<ReturnType<typeof openCheckpoint>>;
        try {
          checkpoint = await openCheckpoint(source);
        } catch (error) {
          if (!typed.some((kind) => error instanceof kind)) throw error;
          refused++;
          if (!source.closed) throw new Error("a refused source stays open");
          return;
        } finally {
          // The head that tells formats apart, the length of a header, and a header once.
          checkMost("bytes asked for to open", source.bytesRead, bytes.length + formatHeadSize + 8);
          checkMost("bytes asked for at once", source.longestRead, bytes.length);
        }
        const opened = source.bytesRead;
        for (const each of checkpoint.names) {
          const { shape } = checkpoint.spec(each);
          try {
            const { length } = await checkpoint.read(each, "f32");
            if (length !== elementCountOf(shape)) expect([each, length]).toEqual([each, elementCountOf(shape)]);
          } catch (error) {
            if (!(error instanceof CheckpointError)) throw error;
          }
        }
        checkMost("bytes asked for to read all tensors", source.bytesRead - opened, bytes.length);
        try {
          ggufVocabularyOf(checkpoint);
        } catch (error) {
          if (!(error instanceof CheckpointError)) throw error;
        }
        await checkpoint.close();
      }),
      { seed: 53, numRuns },
    );
    console.log(`${name}: ${refused} of ${numRuns} damaged files refused`);
    expect(refused).toBeGreaterThan(numRuns / 10);
  });
});
