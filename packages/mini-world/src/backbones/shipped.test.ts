// Shipped weights: all of them are there and whole, and an altered byte is noticed before use.
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadLlama } from "@dual-head/backbone-llama";
import { openDevice } from "@dual-head/tensor-core";
import { loadTokenizer } from "@dual-head/tokenizer";
import { describe, expect, it } from "vitest";
import { configOf, shippedNames } from "./recipes.ts";
import { manifestName, shippedBackbone, shippedHeads, shippedWeights, WeightsError } from "./shipped.ts";

describe("shippedBackbone()", () => {
  it.each(shippedNames)("%s is the model of its recipe, with a tokenizer", async (name) => {
    const folder = await shippedBackbone(name);
    using device = await openDevice("reference");
    using loaded = await loadLlama(folder, device);
    expect(loaded.config).toEqual(configOf(name));
    const tokenizer = await loadTokenizer(folder);
    expect(tokenizer.vocabSize).toBe(loaded.config.vocabSize);
    const text = "\n\nHuman: How do I boil an egg?\n\nAssistant: Of course.";
    expect(tokenizer.decode(tokenizer.encode(text, { addSpecialTokens: false }))).toBe(text);
  });

  it("all weights together stay below 16 MB", async () => {
    const hashes = JSON.parse(await readFile(`${shippedWeights()}/${manifestName}`, "utf8")) as Record<string, string>;
    const sizes = await Promise.all(Object.keys(hashes).map((path) => stat(`${shippedWeights()}/${path}`)));
    expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(16e6);
  });

  it("notices an altered byte, a missing file and a list that is none, naming file and remedy", async () => {
    const copy = await mkdtemp(join(tmpdir(), "weights-"));
    try {
      await cp(shippedWeights(), copy, { recursive: true });
      const weights = `${copy}/backbones/s/model.safetensors`;
      const bytes = await readFile(weights);
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(weights, bytes);
      const altered = await shippedBackbone("s", copy).catch((error: unknown) => error);
      expect(altered).toBeInstanceOf(WeightsError);
      expect((altered as WeightsError).path).toBe(weights);
      expect((altered as WeightsError).message).toContain("install the package again");
      await rm(weights);
      await expect(shippedBackbone("s", copy)).rejects.toThrow("it is missing");
      await expect(shippedHeads("m", "helpful", copy)).resolves.toContain("heads/m-helpful");
      await writeFile(`${copy}/${manifestName}`, "[1]");
      await expect(shippedBackbone("m", copy)).rejects.toThrow(WeightsError);
    } finally {
      await rm(copy, { recursive: true });
    }
  });
});
