// The price of the gate's operations beside one head's, compared with the matrices of the gate itself; knows no clock.
import { attentionGate } from "@dual-head/gating";
import type { Tensor } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tokenOperations } from "../counts.ts";
import { searchCounterexample } from "../testing/search.ts";

const seed = 20261101;
const llama = { hiddenSize: 4096, vocabSize: 32000 };

/**
 * @section Complexity
 * @claim The gate costs O(T·d·h) a token, negligible beside the heads since T·h ≪ V.
 * @verdict false at V = 32 000
 * @statement As printed a token costs 4dr + 2Tr multiply-adds, and the number of heads cancels. At full width r = d = 4096
 * and T = 128 that is 68.2M, 52 % of one head at V = 32 000; r = 320 takes 5.3M, 4 %. Inference folds W_g·W_O·W_V to a
 * vector a head: 2dr + dh + T(r + h). The limit V → ∞ is true and trivial: the gate does not depend on V.
 */
describe("the gate costs 4dr + 2Tr multiply-adds, whatever its heads", () => {
  it("is 52 % of a head at full width and 4 % at a width of 320", () => {
    const full = tokenOperations({ ...llama, gateWidth: 4096, gateHeads: 8 }, 128);
    expect(full.gatePrinted / 1e6).toBeCloseTo(68.2, 1);
    expect(full.gatePrinted / full.head).toBeCloseTo(0.52, 2);
    const narrow = tokenOperations({ ...llama, gateWidth: 320, gateHeads: 8 }, 128);
    expect(narrow.gatePrinted / 1e6).toBeCloseTo(5.3, 1);
    expect(narrow.gatePrinted / narrow.head).toBeCloseTo(0.04, 2);
    expect(narrow.gateFolded / narrow.gatePrinted).toBeLessThan(0.51);
  });

  const extents = fc.record({
    hiddenSize: fc.integer({ min: 64, max: 8192 }),
    vocabSize: fc.integer({ min: 256, max: 262144 }),
    headSize: fc.integer({ min: 1, max: 128 }),
    gateHeads: fc.integer({ min: 1, max: 64 }),
    length: fc.integer({ min: 1, max: 4096 }),
  });

  it(`does not depend on h at one width, nor on V, and folding always costs less (seed ${seed})`, () => {
    fc.assert(
      fc.property(extents, ({ hiddenSize, vocabSize, headSize, gateHeads, length }) => {
        const gateWidth = headSize * gateHeads;
        const of = (heads: number, vocab = vocabSize) =>
          tokenOperations({ hiddenSize, vocabSize: vocab, gateWidth, gateHeads: heads }, length);
        expect(of(gateHeads).gatePrinted).toBe(of(1).gatePrinted);
        expect(of(gateHeads, 2 * vocabSize).gatePrinted).toBe(of(gateHeads).gatePrinted);
        expect(of(gateHeads).gateFolded).toBeLessThan(of(gateHeads).gatePrinted);
        // The share at k times the vocabulary is a k-th: the limit.
        const share = (vocab: number) => of(gateHeads, vocab).gatePrinted / of(gateHeads, vocab).head;
        expect((1000 * share(1000 * vocabSize)) / share(vocabSize)).toBeCloseTo(1, 9);
      }),
      { seed },
    );
  });

  it(`is one multiply-add for each number of the gate's matrices and of what it keeps (seed ${seed})`, async () => {
    const device = await sharedDevice("reference");
    const upTo = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(upTo(13), upTo(5), upTo(4), upTo(11), (hiddenSize, headSize, gateHeads, length) => {
        const gateWidth = headSize * gateHeads;
        const gate = attentionGate({ hiddenSize, width: gateWidth, headCount: gateHeads });
        const counted = tokenOperations({ ...llama, hiddenSize, gateWidth, gateHeads }, length);
        const sizes = (tensors: readonly Tensor[]) =>
          tensors.reduce((sum, { shape }) => sum + shape.reduce((area, extent) => area * extent, 1), 0);
        const params = gate.init(device, length);
        // Scores and weighted values read T rows of keys and of values of width r each.
        const { query, key, value, output } = params;
        expect(counted.gatePrinted).toBe(sizes([query, key, value, output]) + 2 * length * query.shape[0]!);
        const folded = gate.fold(params);
        using history = gate.createHistory(device, { slotCount: 1, capacity: length });
        expect(counted.gateFolded).toBe(
          sizes([folded.query, folded.key, folded.value]) + sizes([history.matrix(0), history.matrix(1)]),
        );
      }),
      { seed, numRuns: 50 },
    );
  });

  it(`refutes "T·h ≤ V/100 makes the gate less than 5 % of a head" by search (seed ${seed})`, async () => {
    const small = fc.property(
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 16 }),
      fc.integer({ min: 1, max: 64 }),
      (length, gateHeads, headSize) => {
        fc.pre(length * gateHeads <= llama.vocabSize / 100);
        const own = tokenOperations({ ...llama, gateWidth: 8 * headSize * gateHeads, gateHeads }, length);
        return own.gatePrinted < 0.05 * own.head;
      },
    );
    const [length, gateHeads, headSize] = await searchCounterexample(small, seed);
    const found = tokenOperations({ ...llama, gateWidth: 8 * headSize * gateHeads, gateHeads }, length);
    expect(found.gatePrinted / found.head).toBeGreaterThanOrEqual(0.05);
    // Pinned: one position and one head, full width.
    const pinned = tokenOperations({ ...llama, gateWidth: 4096, gateHeads: 1 }, 1);
    expect(pinned.gatePrinted / pinned.head).toBeGreaterThan(0.5);
  });
});
