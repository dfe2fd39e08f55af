// The counts against formulas written out, enumeration, and published sizes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  backboneCacheNumbers,
  backboneParameters,
  gateCacheNumbers,
  llamaShapes,
  parameterCounts,
  parameterReduction,
  tokenOperations,
} from "./counts.ts";

const seed = 20261100;
const positive = (max: number) => fc.integer({ min: 1, max });
const extents = fc.record({
  hiddenSize: positive(8191),
  vocabSize: positive(131071),
  gateWidth: positive(4099),
  gateHeads: positive(61),
});
const area = (shapes: readonly (readonly [number, number])[]) => shapes.reduce((sum, [a, b]) => sum + a * b, 0);

describe("counts", () => {
  it("count a model small enough to count by hand", () => {
    const tiny = { hiddenSize: 5, vocabSize: 11, gateWidth: 6, gateHeads: 2 };
    expect(parameterCounts(tiny)).toEqual({ head: 55, gate: 126, trainable: 181 });
    expect(tokenOperations(tiny, 7)).toEqual({ head: 55, gatePrinted: 204, gateFolded: 126 });
    expect(gateCacheNumbers(tiny, 7)).toEqual({ gatePrinted: 84, gateFolded: 56 });
    const shape = { hiddenSize: 5, layerCount: 3, headCount: 1, feedForwardSize: 13, vocabSize: 11 };
    expect(backboneParameters(shape)).toBe(55 + 55 + 3 * (100 + 195 + 10) + 5);
    expect(backboneCacheNumbers(shape, 7)).toBe(210);
  });

  it("say of the paper's extents what the README says", () => {
    const paper = { hiddenSize: 4096, vocabSize: 32000, gateWidth: 320, gateHeads: 8 };
    expect(parameterCounts(paper)).toEqual({ head: 131_072_000, gate: 5_246_977, trainable: 136_318_977 });
    expect(tokenOperations(paper, 128).gatePrinted).toBe(5_324_800);
    expect(tokenOperations(paper, 128).gateFolded).toBe(2_696_192);
  });

  it(`add up the matrices of the architecture (seed ${seed})`, () => {
    fc.assert(
      fc.property(extents, positive(997), ({ hiddenSize: d, vocabSize, gateWidth: r, gateHeads: h }, length) => {
        const own = { hiddenSize: d, vocabSize, gateWidth: r, gateHeads: h };
        const projections = area([
          [d, r],
          [d, r],
          [d, r],
          [r, d],
        ]);
        const { head, gate, trainable } = parameterCounts(own);
        expect(gate).toBe(projections + area([[d, 1]]) + 1);
        expect(trainable - gate).toBe(head);
        const operations = tokenOperations(own, length);
        const cache = gateCacheNumbers(own, length);
        expect(operations.head).toBe(head);
        // Every projection is read once a token, and so is every number of the cache.
        expect(operations.gatePrinted).toBe(projections + cache.gatePrinted);
        const folded = area([
          [d, r],
          [d, r],
          [d, h],
        ]);
        expect(operations.gateFolded).toBe(folded + cache.gateFolded);
      }),
      { seed },
    );
  });

  it("give LLaMA the sizes it was published with, 6.7, 13.0 and 32.5 billion, in whole heads of 128", () => {
    const billions = Object.values(llamaShapes).map((shape) => Math.round(backboneParameters(shape) / 1e8) / 10);
    expect(billions).toEqual([6.7, 13, 32.5]);
    for (const { hiddenSize, headCount } of Object.values(llamaShapes)) expect(hiddenSize / headCount).toBe(128);
  });

  it("divide a reward model by what a method has", () => {
    expect(parameterReduction(12, 3)).toBe(4);
  });
});
