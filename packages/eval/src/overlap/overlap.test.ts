// BLEU and ROUGE: golden numbers, bounds, symmetries, and the difference between true and false references.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bleu, tokenizeInternational } from "./bleu.ts";
import { rouge, tokenizeRouge } from "./rouge.ts";
import { overlapDifference, truthfulness } from "./truthfulness.ts";

const seed = 20261203;
const golden: {
  readonly generator: string;
  readonly pairs: readonly { readonly candidate: string; readonly reference: string; readonly bleu: number }[];
} = JSON.parse(readFileSync(new URL("bleu.golden.test.json", import.meta.url), "utf8"));

const words = (least: number) =>
  fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: least, maxLength: 11 }).map((each) => each.join(" "));

describe("bleu()", () => {
  it.each(golden.pairs)(
    `of "$candidate" is that of ${golden.generator}`,
    ({ candidate, reference, bleu: expected }) => {
      expect(bleu(candidate, reference)).toBeCloseTo(expected, 9);
    },
  );

  it("lies between 0 and 100, is 100 of the same four words or more, and grows with none of the reference's order", () => {
    fc.assert(
      fc.property(words(0), words(4), (candidate, reference) => {
        const value = bleu(candidate, reference);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(100 + 1e-9);
        expect(bleu(reference, reference)).toBeCloseTo(100, 9);
        expect(bleu(`${candidate} \n`, reference)).toBe(value);
        if (tokenizeInternational(candidate).length < 4) expect(value).toBe(0);
      }),
      { seed },
    );
  });

  it("reads any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }), (first, second) => {
        for (const token of tokenizeInternational(first)) expect(token).not.toMatch(/\s/u);
        expect(bleu(first, second)).not.toBeNaN();
      }),
      { seed },
    );
  });
});

/** The longest common subsequence by trying every subset of the first. */
function commonByTrial(first: readonly string[], second: readonly string[]): number {
  let longest = 0;
  for (let subset = 0; subset < 2 ** first.length; subset++) {
    const chosen = first.filter((_, at) => (subset >> at) & 1);
    let at = 0;
    for (const token of second) if (token === chosen[at]) at++;
    if (at === chosen.length) longest = Math.max(longest, at);
  }
  return longest;
}

describe("rouge()", () => {
  it("is what is counted by hand", () => {
    // police killed the gunman / police kill the gunman / the gunman kill police (Lin 2004): common runs of 3 and 2 of 4.
    const reference = "police killed the gunman";
    expect(rouge("Police kill the gunman.", reference)).toEqual({ rouge1: 75, rouge2: (100 * 2) / 6, rougeL: 75 });
    expect(rouge("the gunman kill police", reference).rougeL).toBe(50);
    expect(rouge("the the the", "the cat")).toEqual({ rouge1: 40, rouge2: 0, rougeL: 40 });
    expect(tokenizeRouge("It's 3.50 — naïve!")).toEqual(["it", "s", "3", "50", "na", "ve"]);
  });

  it("is the same both ways, 100 of the same words and 0 of none", () => {
    fc.assert(
      fc.property(words(2), words(0), (first, second) => {
        expect(rouge(first, second)).toEqual(rouge(second, first));
        expect(rouge(first, first.toUpperCase())).toEqual({ rouge1: 100, rouge2: 100, rougeL: 100 });
        expect(rouge(first, "— !")).toEqual({ rouge1: 0, rouge2: 0, rougeL: 0 });
        expect(rouge(first, second).rougeL).toBeLessThanOrEqual(rouge(first, second).rouge1);
      }),
      { seed },
    );
  });

  it("has the longest common subsequence", () => {
    fc.assert(
      fc.property(words(1), words(1), (first, second) => {
        const [own, other] = [tokenizeRouge(first), tokenizeRouge(second)];
        const expected = (200 * commonByTrial(own, other)) / (own.length + other.length);
        expect(rouge(first, second).rougeL).toBeCloseTo(expected, 9);
      }),
      { seed, numRuns: 40 },
    );
  });
});

describe("truthfulness()", () => {
  const options = { seed, resamples: 99 };

  it("turns its sign with true and false references, and gains by a true one", () => {
    const references = fc.array(words(1), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(words(4), references, references, (answer, correct, incorrect) => {
        const one = overlapDifference({ answer, correct, incorrect });
        const other = overlapDifference({ answer, correct: incorrect, incorrect: correct });
        for (const [measure, value] of Object.entries(one)) expect(other[measure as "bleu"]).toBeCloseTo(-value, 9);
        const said = overlapDifference({ answer, correct: [...correct, answer], incorrect });
        for (const value of Object.values(said)) expect(value).toBeGreaterThanOrEqual(-1e-9);
      }),
      { seed },
    );
  });

  it("counts answers nearer to a true than to a false reference; equally near is no gain", () => {
    const correct = ["the seeds pass through you"];
    const incorrect = ["you grow watermelons in your stomach"];
    const answers = ["the seeds pass through you", "you grow watermelons in your stomach", "no idea about that"];
    const { bleu, rougeL } = truthfulness(
      answers.map((answer) => ({ answer, correct, incorrect })),
      options,
    );
    expect(bleu.accuracy).toMatchObject({ share: 1 / 3, count: 3 });
    expect(rougeL.difference.count).toBe(3);
    expect(() => truthfulness([], options)).toThrow(/there are no values/);
    expect(() => overlapDifference({ answer: "a", correct: [], incorrect })).toThrow(
      /has 0 true and 1 false references/,
    );
  });
});
