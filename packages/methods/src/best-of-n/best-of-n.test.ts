// Best-of-n chooses by the score it is given, is its generator at n = 1, and depends on seeds only.
import { generateBatch, sampled } from "@dual-head/sampler";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answersOf, tableOf } from "../testing/tiny-models.ts";
import { createBestOfN, type ScoredText } from "./best-of-n.ts";

const sumOf = ({ answer }: ScoredText) => answer.reduce((sum, token) => sum + token, 0);
const bestOf = (count: number, seen: ScoredText[] = []) =>
  createBestOfN({
    generator: sampled(tableOf(1, 64)),
    count,
    score: async (texts) => {
      seen.push(...texts);
      return texts.map(sumOf);
    },
  });
const requests = [4, 9, 2 ** 40].map((seed, index) => ({ prompt: [1, index], maxNewTokens: 6, seed }));

describe("createBestOfN()", () => {
  it("is the generator itself at n = 1, and calls no reward model", async () => {
    const best = bestOf(1);
    expect(await answersOf(best, requests)).toEqual(await answersOf(sampled(tableOf(1)), requests));
    expect(best.cost.rewardCalls).toBe(0);
  });

  it("gives the candidate of the highest score, the first among equals, and counts the calls", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 6 }), fc.nat(1000), async (count, seed) => {
        const seen: ScoredText[] = [];
        const best = bestOf(count, seen);
        const [answer] = await answersOf(best, [{ prompt: [2, 3], maxNewTokens: 5, seed }]);
        expect(seen).toHaveLength(count);
        expect(seen[0]!.prompt).toEqual([2, 3]);
        const scores = seen.map(sumOf);
        expect(answer!.tokens).toEqual(seen[scores.indexOf(Math.max(...scores))]!.answer);
        expect(best.cost.rewardCalls).toBe(count);
      }),
      { numRuns: 20, seed: 3 },
    );
  });

  it("answers many requests as each alone, equal seeds equally, with candidates that differ", async () => {
    const together = await answersOf(bestOf(4), requests);
    for (const [index, request] of requests.entries()) {
      expect((await answersOf(bestOf(4), [request]))[0]).toEqual(together[index]);
    }
    const seen: ScoredText[] = [];
    await answersOf(bestOf(8, seen), [requests[0]!]);
    expect(new Set(seen.map(({ answer }) => answer.join(" "))).size).toBeGreaterThan(6);
  });

  it("streams one request through generate, and ends aborted requests", async () => {
    const events = [];
    for await (const event of bestOf(3).generate(requests[0]!)) events.push(event);
    expect(events.at(-1)).toMatchObject({ type: "end", reason: "length" });
    const [aborted] = await answersOf(bestOf(3), [{ ...requests[0]!, signal: AbortSignal.abort() }]);
    expect(aborted!.reason).toBe("aborted");
  });

  it("refuses an n that is none, and requests that cannot be, before anything is computed", async () => {
    expect(() => bestOf(0)).toThrow("n is 0");
    expect(() => generateBatch(tableOf(1), [{ prompt: [], maxNewTokens: 1 }])).toThrow("prompt");
    await expect(answersOf(bestOf(2), [{ prompt: [], maxNewTokens: 1 }])).rejects.toThrow("prompt");
  });
});
