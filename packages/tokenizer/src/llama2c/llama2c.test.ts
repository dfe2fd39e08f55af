// Tokenizers of llama2.c against tokenizer.json of the same vocabularies, their laws, and damaged files.
import { readFileSync } from "node:fs";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createLlama2cTokenizer,
  loadTokenizer,
  parseTokenizerConfig,
  type Tokenizer,
  TokenizerError,
} from "../index.ts";
import { damagedBytes, exerciseTokenizer } from "../testing/damage.ts";
import { tokenizerLaws } from "../testing/index.ts";
import { readVocabularyCases } from "../testing/vocabulary-cases.ts";

const load = (bytes: Uint8Array): Tokenizer => createLlama2cTokenizer(bytes, parseTokenizerConfig({}), "hash");

/** A file of llama2.c's format. */
function write(pieces: readonly (readonly [text: string, score: number])[]): Uint8Array {
  const parts = pieces.map(([text, score]) => {
    const bytes = new TextEncoder().encode(text);
    const head = new DataView(new ArrayBuffer(8));
    head.setFloat32(0, score, true);
    head.setInt32(4, bytes.length, true);
    return [...new Uint8Array(head.buffer), ...bytes];
  });
  return Uint8Array.from([31, 0, 0, 0, ...parts.flat()]);
}

const byteNames = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
const words = [" ", "t", "h", "e", "c", "a", "th", "the", " the", " c", " ca", "é"];
const control = ["<unk>", "\n<s>\n", "\n</s>\n"];
const tiny = write([...control, ...byteNames, ...words].map((text, id) => [text, -id]));
const bare = write([...control, ...words].map((text, id) => [text, -id]));

tokenizerLaws("a tiny llama2.c tokenizer", () => load(tiny), { lossless: true });
tokenizerLaws("a tiny llama2.c tokenizer without bytes", () => load(bare), { lossless: false });

describe("createLlama2cTokenizer()", () => {
  it("merges by score, falls back to bytes and begins with bos", () => {
    const id = (text: string): number => control.length + byteNames.length + words.indexOf(text);
    expect([...load(tiny).encode("the ca\n")]).toEqual([1, id(" the"), id(" ca"), 3 + 10]);
    expect(load(tiny).specialTokens).toEqual(
      new Map([
        ["<s>", 1],
        ["</s>", 2],
      ]),
    );
    expect([...load(bare).encode("the zz", { addSpecialTokens: false })].at(-1)).toBe(0);
  });

  it("names the byte where a file breaks off", () => {
    expect(() => load(tiny.subarray(0, tiny.length - 1))).toThrow(/piece 270 at byte \d+/);
    expect(() => load(new Uint8Array(3))).toThrow(TokenizerError);
    expect(() => load(Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f))).toThrow(TokenizerError);
  });

  it("gives typed errors or a working tokenizer for 10,000 damaged files", () => {
    let refused = 0;
    fc.assert(
      fc.property(
        fc.oneof(damagedBytes(bare), { weight: 4, arbitrary: damagedBytes(bare.subarray(0, 60)) }),
        (damaged) => {
          try {
            exerciseTokenizer(load(damaged));
          } catch (error) {
            if (!(error instanceof TokenizerError)) throw error;
            refused++;
          }
        },
      ),
      { seed: 92, numRuns: 10_000 },
    );
    expect(refused).toBeGreaterThan(2_000);
    expect(refused).toBeLessThan(9_900);
  });
});

const stories = sharedAsset("models/stories260K");
describe.skipIf(stories === null)("tok512.bin of stories260K", () => {
  if (stories === null) return;
  const tokenizer = load(readFileSync(`${stories}/tok512.bin`));
  tokenizerLaws("tok512.bin", () => tokenizer, { lossless: true });

  it("gives the ids and texts of tokenizer.json of the same vocabulary, on 500 texts", async () => {
    const json = await loadTokenizer(`${stories}/hf`);
    const piece = fc.nat(511).map((id) => json.tokenText(id));
    const text = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.array(piece).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (given) => {
        const sound = given.replaceAll("\u2581", " ");
        const ids = tokenizer.encode(sound);
        expect([sound, ...ids]).toEqual([sound, ...json.encode(sound)]);
        expect(tokenizer.decode(ids)).toBe(json.decode(ids));
      }),
      { seed: 93, numRuns: 500 },
    );
  });
});

const folder = sharedAsset("tokenizers");
describe.skipIf(folder === null)("llama2.c's tokenizer.bin of LLaMA 2", () => {
  if (folder === null) return;
  const tokenizer = load(readFileSync(`${folder}/llama2/llama2c_tokenizer.bin`));
  const texts47 = countVectors("llama.cpp's texts, llama2.c's tokenizer.bin");
  tokenizerLaws("tokenizer.bin", () => tokenizer, { lossless: true, numRuns: 20 });

  it("agrees with llama.cpp on its 47 texts", () => {
    const vocabulary = `${folder}/llamacpp_vocab/ggml-vocab-llama-spm.gguf`;
    for (const { text, ids } of texts47.each(readVocabularyCases(`${vocabulary}.out`, `${vocabulary}.inp`))) {
      expect([text, ...tokenizer.encode(text, { addSpecialTokens: false })]).toEqual([text, ...ids]);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });
});
