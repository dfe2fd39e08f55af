// Scores made of merges join every text as the merges do, and lists that no scores can follow are refused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { joinByRank, joinByScore, type Merge, scoresOfMerges } from "./merge-scores.ts";

/** The list that sentencepiece's pieces give: by piece, every pair that makes it. */
function mergesByPiece(made: readonly string[], pieces: ReadonlySet<string>): readonly Merge[] {
  return made.flatMap((piece) =>
    Array.from({ length: piece.length - 1 }, (_, cut): Merge => [piece.slice(0, cut + 1), piece.slice(cut + 1)]).filter(
      ([left, right]) => pieces.has(left) && pieces.has(right),
    ),
  );
}

const ranksOf = (merges: readonly Merge[]) =>
  new Map(merges.map(([left, right], rank) => [`${left.length} ${left}${right}`, rank]));

describe("scoresOfMerges()", () => {
  it("joins as the list does, whatever the text (seed 15)", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(fc.uniqueArray(word, { maxLength: 9 }), fc.array(word, { maxLength: 20 }), (made, texts) => {
        const pieces = new Set(["a", "b", "c", ...made]);
        const merges = mergesByPiece(made, pieces);
        const found = scoresOfMerges(merges, pieces);
        if ("fault" in found) return;
        const text = texts.join("");
        expect(joinByScore(text, found.scores)).toEqual(joinByRank(text, ranksOf(merges)));
      }),
      { seed: 15, numRuns: 1000 },
    );
  });

  it("gives pieces whose pairs are mixed one score, unless the leftmost pair is another choice (seed 16)", () => {
    const counts = { followed: 0, refused: 0 };
    const lengths = fc.uniqueArray(fc.integer({ min: 3, max: 9 }), { minLength: 1 });
    fc.assert(
      fc.property(lengths, fc.constantFrom(-1, 1), (drawn, way) => {
        const runs = [2, ...drawn].toSorted((x, y) => x - y).map((length) => "▁".repeat(length));
        const pieces = new Set(["▁", ...runs, "a", "▁a"]);
        const listed = mergesByPiece(runs, pieces).toSorted((x, y) => way * (x[0].length - y[0].length));
        const merges = [["▁", "a"], ...listed] as Merge[];
        const found = scoresOfMerges(merges, pieces);
        counts["fault" in found ? "refused" : "followed"]++;
        if ("fault" in found) return;
        for (let length = 1; length < 40; length++) {
          const text = `${"▁".repeat(length)}a`;
          expect(joinByScore(text, found.scores)).toEqual(joinByRank(text, ranksOf(merges)));
        }
      }),
      { seed: 16, numRuns: 200 },
    );
    expect(Math.min(counts.followed, counts.refused)).toBeGreaterThan(0);
  });

  it("says why there are none", () => {
    const pieces = new Set(["a", "b", "ab", "ba", "aba"]);
    const faultOf = (merges: readonly Merge[]) => (scoresOfMerges(merges, pieces) as { fault?: string }).fault;
    expect(faultOf([["a", "c"]])).toContain("makes no piece");
    expect(faultOf([["a", "b"]])).toContain("no merge makes");
    const contested = new Set(["x", "y", "xx", "xxx"]);
    const listed: readonly Merge[] = [
      ["x", "x"],
      ["x", "xx"],
      ["xx", "x"],
    ];
    expect(scoresOfMerges(listed, contested)).toHaveProperty("scores");
    const spread: readonly Merge[] = [
      ["b", "a"],
      ["a", "b"],
      ["b", "ab"],
      ["ba", "b"],
    ];
    expect(scoresOfMerges(spread, new Set(["a", "b", "ab", "ba", "bab"]))).toHaveProperty("scores");
  });
});
