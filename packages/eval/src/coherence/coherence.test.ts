// Coherence: cosines, embeddings of a backbone against its hidden states, and what is said where a library is absent.
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { segmentsOf } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coherenceOf, cosineOf } from "./coherence.ts";
import type { Embedder } from "./embedder.ts";
import { createHiddenStateEmbedder } from "./hidden-state-embedder.ts";
import { openTransformersEmbedder } from "./transformers-embedder.ts";

const seed = 20261205;
const vector = fc
  .array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 5, maxLength: 5 })
  .filter((numbers) => numbers.some((each) => Math.abs(each) > 1e-3));
/** Counts of letters: texts of the same letters are the same. */
const letters: Embedder = {
  name: "letters",
  embed: async (texts) => texts.map((text) => [..."abcd"].map((letter) => text.split(letter).length - 1)),
};

describe("cosineOf()", () => {
  it("does not see scales, however large, and is 1 of the same and −1 of the opposite", () => {
    const factor = fc.constantFrom(1e-300, 0.5, 3, 1e300);
    fc.assert(
      fc.property(vector, vector, factor, (first, second, scale) => {
        const one = cosineOf(first, second);
        expect(Math.abs(one)).toBeLessThanOrEqual(1);
        expect(cosineOf(second, first)).toBeCloseTo(one, 12);
        expect(
          cosineOf(
            first.map((each) => each * scale),
            second,
          ),
        ).toBeCloseTo(one, 6);
        expect(cosineOf(first, first)).toBeCloseTo(1, 12);
        expect(
          cosineOf(
            first,
            first.map((each) => -each),
          ),
        ).toBeCloseTo(-1, 12);
      }),
      { seed },
    );
  });

  it("refuses vectors of other lengths, of nothing, and what is not finite", () => {
    expect(() => cosineOf([1], [1, 2])).toThrow(/1 and 2 values/);
    expect(() => cosineOf([0, 0], [1, 2])).toThrow(/a vector is 0, which is near to nothing/);
    expect(() => cosineOf([1, Number.NaN], [1, 2])).toThrow(/number 1 of a vector is NaN/);
  });
});

describe("coherenceOf()", () => {
  it("is the mean cosine of prompt and response, beside that of responses to others", async () => {
    const { embedder, cosine, unrelated, cosines } = await coherenceOf(letters, [
      { prompt: "ab", response: "ba" },
      { prompt: "cd", response: "c" },
      { prompt: "ab", response: "b" },
    ]);
    expect(embedder).toBe("letters");
    expect(cosines.map((each) => each.toFixed(9))).toEqual(
      [1, Math.SQRT1_2, Math.SQRT1_2].map((each) => each.toFixed(9)),
    );
    expect(cosine.mean).toBeCloseTo((1 + 2 * Math.SQRT1_2) / 3, 12);
    // ab with c, cd with b, and ab with c again: the next pair of another prompt.
    expect(unrelated).toMatchObject({ mean: 0, count: 3 });
  });

  it("embeds each text once, and has nothing to compare one prompt with", async () => {
    let asked: readonly string[] = [];
    const counting: Embedder = {
      name: "counting",
      embed: (texts) => {
        asked = texts;
        return letters.embed(texts);
      },
    };
    const pairs = Array.from({ length: 4 }, () => ({ prompt: "ab", response: "a" }));
    expect((await coherenceOf(counting, pairs)).unrelated).toBeNull();
    expect(asked).toEqual(["ab", "a"]);
  });

  it("refuses no pairs, too few vectors and vectors of nothing", async () => {
    await expect(coherenceOf(letters, [])).rejects.toThrow(
      "Cannot compute coherence: there are no pairs; give at least one",
    );
    const silent: Embedder = { name: "silent", embed: async () => [] };
    await expect(coherenceOf(silent, [{ prompt: "a", response: "b" }])).rejects.toThrow(/0 and 2 values/);
    await expect(coherenceOf(letters, [{ prompt: "a", response: "" }])).rejects.toThrow(/a vector is 0/);
  });
});

describe("createHiddenStateEmbedder()", () => {
  const encode = (text: string) => Uint32Array.from(text, (letter) => letter.charCodeAt(0) % 23);
  const text = fc.stringMatching(/^[a-z]{1,9}$/);

  it("gives the mean of a backbone's hidden states, alone as among others", async () => {
    const device = await sharedDevice("reference");
    using tiny = tinyLlama(device, 3);
    const { backbone, params } = tiny;
    const { hiddenSize } = backbone.config;
    const embedderOf = (tokensPerBatch: number) =>
      createHiddenStateEmbedder({ model: "tiny", backbone, params, device, encode, tokensPerBatch });
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 5 }), fc.integer({ min: 1, max: 19 }), async (texts, room) => {
        const vectors = await embedderOf(room).embed(texts);
        expect(vectors).toHaveLength(texts.length);
        for (const [at, given] of texts.entries()) {
          using hidden = backbone.hidden(params, encode(given), segmentsOf([given.length]));
          const rows = [...(await hidden.read())];
          const mean = Array.from({ length: hiddenSize }, (_, column) =>
            rows.reduce((sum, value, index) => (index % hiddenSize === column ? sum + value / given.length : sum), 0),
          );
          checkClose("mean", Array.from(vectors[at]!), mean, 1e-12);
        }
      }),
      { seed, numRuns: 20 },
    );
    expect(embedderOf(7).name).toBe("mean hidden state of tiny");
  });

  it("leaves no tensor behind, ends on a signal, and cuts only where it may", async () => {
    const device = await sharedDevice("cpu");
    using tiny = tinyLlama(device, 3);
    const { backbone, params } = tiny;
    const options = { model: "tiny", backbone, params, device, encode };
    const before = device.stats.liveBuffers;
    const cut: number[] = [];
    const embedder = createHiddenStateEmbedder({ ...options, onCut: (_, tokens) => cut.push(tokens) });
    const long = "abc".repeat(20);
    const [whole, begun] = await embedder.embed([long, long.slice(0, 31)]);
    expect(whole).toEqual(begun);
    expect(cut).toEqual([60]);
    expect(device.stats.liveBuffers).toBe(before);
    await expect(createHiddenStateEmbedder(options).embed(["a", long])).rejects.toThrow(
      /text 1 has 60 tokens and the model/,
    );
    await expect(embedder.embed(["a", ""])).rejects.toThrow(/text 1 has no token/);
    await expect(embedder.embed(["a"], AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
    expect(() => createHiddenStateEmbedder({ ...options, tokensPerBatch: 0 })).toThrow(/tokensPerBatch is 0/);
  });
});

describe("openTransformersEmbedder()", () => {
  it("says what to do where transformers.js is not installed, or is something else", async () => {
    // It is no dependency of this repository.
    await expect(openTransformersEmbedder({ model: "a/model" })).rejects.toMatchObject({
      name: "MetricError",
      fault: "missing",
      message: expect.stringMatching(/npm install @huggingface\/transformers, or embed by a backbone/),
    });
    await expect(openTransformersEmbedder({ model: "a/model", library: {} })).rejects.toThrow(/no function pipeline/);
    const library = { pipeline: async () => null };
    await expect(openTransformersEmbedder({ model: "a/model", library })).rejects.toThrow(/gave no pipeline/);
  });

  it("asks a library of that form in batches, and refuses tensors that are no sentence's", async () => {
    const calls: unknown[] = [];
    const library = {
      pipeline: async (...given: unknown[]) => {
        calls.push(given);
        return async (texts: readonly string[], how: unknown) => {
          calls.push([texts.length, how]);
          const data = Float32Array.from(texts.flatMap((text) => [text.length, 1, -1]));
          return texts.includes("tokens") ? { dims: [1, texts.length, 3], data } : { dims: [texts.length, 3], data };
        };
      },
    };
    const settings = { local_files_only: true };
    const embedder = await openTransformersEmbedder({ model: "m", pooling: "cls", settings, batchSize: 2, library });
    expect((await embedder.embed(["a", "bb", "ccc"])).map((each) => Array.from(each))).toEqual([
      [1, 1, -1],
      [2, 1, -1],
      [3, 1, -1],
    ]);
    expect(calls).toEqual([
      ["feature-extraction", "m", settings],
      [2, { pooling: "cls", normalize: true }],
      [1, { pooling: "cls", normalize: true }],
    ]);
    expect(embedder.name).toBe("m (cls pooling)");
    await expect(embedder.embed(["tokens"])).rejects.toThrow(/the model gave no tensor \[1, D\]/);
  });
});
