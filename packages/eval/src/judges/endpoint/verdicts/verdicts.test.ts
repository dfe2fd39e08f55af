// Forms of verdicts: what is written is read, whatever stands around it; nothing throws; MT-Bench's published ratings.
import { readMtBenchJudgments } from "@dual-head/data";
import { sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { oneTokenTemplate } from "../templates/one-token.ts";
import { type GradeForm, readGrade, readVerdict, type VerdictForm, withoutThoughts } from "./form.ts";
import { parseLetters } from "./letters.ts";
import { parseOneToken, preferenceOf } from "./one-token.ts";
import { parseRating } from "./rating.ts";
import { parseTwoScores } from "./two-scores.ts";

const scale = { least: 1, most: 10 };
/** Text without brackets. */
const prose = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/[[\]]/g, ""));
const said = (text: string) => ({ text, finishReason: "stop", topLogprobs: null, usage: null });

describe("parseLetters()", () => {
  it("reads the last verdict", () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(prose, fc.constantFrom("A", "B", "C"))), prose, (parts, end) => {
        const text = parts.map(([before, letter]) => `${before}[[${letter}]]`).join("") + end;
        const winner = { A: "first", B: "second", C: "tie", none: "unparsed" }[parts.at(-1)?.[1] ?? "none"];
        expect(parseLetters(text)).toBe(winner);
      }),
      { seed: 61, numRuns: 300 },
    ));
});

describe("parseRating()", () => {
  it("reads the first in double brackets before any in single ones, on the scale only", () =>
    fc.assert(
      fc.property(
        prose,
        fc.option(fc.integer({ min: 0, max: 12 })),
        fc.option(fc.integer({ min: 0, max: 48 }).map((quarters) => quarters / 4)),
        (before, single, double) => {
          const text = `${before}${single === null ? "" : `[${single}] `}${double === null ? "" : `[[${double}]]`}`;
          const found = double ?? single;
          expect(parseRating(text, scale)).toBe(found === null || found < 1 || found > 10 ? null : found);
        },
      ),
      { seed: 62, numRuns: 300 },
    ));

  it.each([
    ["Rating: [[7]]", 7],
    ["[[7.5]]", 7.5],
    ["[[7.]]", 7],
    ["[8] and no more", 8],
    ["[[ 7 ]]", null],
    ["[[-7]]", null],
    ["[[7,5]]", null],
    ["[[11]]", null],
    ["[[0]]", null],
    ["7", null],
    [`[[${"9".repeat(400)}]]`, null],
  ])("of %s is %s", (text, rating) => expect(parseRating(text, scale)).toBe(rating));
});

describe("parseTwoScores()", () => {
  it.each([
    ["8 9\nBecause", [8, 9]],
    ["\n 8, 9 \r\nBecause", [8, 9]],
    ["8.5 / 1", [8.5, 1]],
    ["8;9", [8, 9]],
    ["Scores: 8 9", null],
    ["8 9 10", null],
    ["0 9", null],
    ["8 11\n8 9", null],
    ["89", null],
    ["", null],
  ])("of %j is %j", (text, scores) => expect(parseTwoScores(text, scale)).toEqual(scores));
});

describe("one token", () => {
  const names = ["m", "M"] as const;
  const logprob = fc.double({ min: -800, max: 0, noNaN: true });

  it("prefers as likelihoods say, whatever else is likely", () =>
    fc.assert(
      fc.property(
        logprob,
        logprob,
        fc.array(fc.record({ token: fc.constantFrom("x", "mm", ""), logprob })),
        (a, b, others) => {
          const tokens = [{ token: " m", logprob: a }, ...others, { token: "M", logprob: b }];
          const preference = preferenceOf(tokens, names)!;
          expect(preference).toBeCloseTo(1 + 1 / (1 + Math.exp(a - b)), 12);
          expect(preferenceOf(tokens, ["M", "m"])! + preference).toBeCloseTo(3, 12);
        },
      ),
      { seed: 63, numRuns: 300 },
    ));

  it("knows one name, several spellings, and none", () => {
    const at = (token: string, probability: number) => ({ token, logprob: Math.log(probability) });
    expect(preferenceOf([at("M", 0.9)], names)).toBe(2);
    expect(preferenceOf([at("m", 0.2)], names)).toBe(1);
    expect(preferenceOf([at("m", 0.25), at(" m", 0.25), at("M", 0.5)], names)).toBeCloseTo(1.5, 12);
    for (const none of [[], [at("x", 1)], [at("m", 0)], [{ token: "m", logprob: Number.NaN }]]) {
      expect(preferenceOf(none, names)).toBeNull();
    }
  });

  it("is read from the text where no likelihood is told", () => {
    for (const text of ["m", " m\n", "m.", '"m"', "**m**"]) expect(parseOneToken(text, names)).toBe("first");
    expect(parseOneToken("M", names)).toBe("second");
    for (const text of ["", "mM", "Model M", "."]) expect(parseOneToken(text, names)).toBe("unparsed");
    expect(readVerdict(oneTokenTemplate.form, said("M"))).toEqual({ winner: "second", raw: "M" });
    const told = {
      ...said("m"),
      topLogprobs: [
        { token: "m", logprob: -0.1 },
        { token: "M", logprob: -0.1 },
      ],
    };
    expect(readVerdict(oneTokenTemplate.form, told)).toEqual({ winner: "tie", raw: "m", preference: 1.5 });
  });
});

describe("readVerdict() and readGrade()", () => {
  const forms: readonly VerdictForm[] = [
    { kind: "letters" },
    { kind: "two-scores", ...scale },
    { kind: "one-token", names: ["m", "M"], topLogprobs: 5 },
  ];
  const rating: GradeForm = { kind: "rating", ...scale };
  const pieces = fc.constantFrom("[[A]]", "[[B]]", "[[", "]]", "[7]", "9 8", "\n", "m", "</think>", "<think>", "0");
  const texts = fc.array(fc.oneof(pieces, fc.string({ unit: "binary" }))).map((parts) => parts.join(""));
  const tokens = fc.option(fc.array(fc.record({ token: fc.oneof(pieces, fc.string()), logprob: fc.double() })));

  it("are total, and keep the words", () =>
    fc.assert(
      fc.property(texts, tokens, (text, topLogprobs) => {
        for (const form of forms) {
          const { winner, raw, preference = 1, scores = [1, 1] } = readVerdict(form, { ...said(text), topLogprobs });
          expect(["first", "second", "tie", "unparsed"]).toContain(winner);
          expect(raw).toBe(text);
          expect(preference >= 1 && preference <= 2).toBe(true);
          expect(scores.every((score) => score >= 1 && score <= 10)).toBe(true);
        }
        const { score } = readGrade(rating, said(text));
        expect(score === null || (score >= 1 && score <= 10)).toBe(true);
      }),
      { seed: 64, numRuns: 500 },
    ));

  it("pass over thoughts", () => {
    expect(withoutThoughts("<think>[[A]] or [[3]]</think>\n[[B]]")).toBe("\n[[B]]");
    const thought = "<think>[[3]]</think>[[5]]";
    expect(readGrade(rating, said(thought))).toEqual({ score: 5, raw: thought });
  });
});

const judgmentFile = sharedAsset("data/mt_bench/model_judgment/gpt-4_single.mistral-orpo.jsonl");

describe.skipIf(judgmentFile === null)("published judgments of MT-Bench", () => {
  it("have the ratings that their texts say", async () => {
    const judgments = await readMtBenchJudgments(judgmentFile!);
    const texts = judgments.filter(({ judgment }) => judgment !== null);
    expect(texts.length).toBeGreaterThan(600);
    const differing = texts.filter(({ judgment, score }) => parseRating(judgment!, { least: 0, most: 10 }) !== score);
    expect(differing.map(({ questionId, model, turn }) => ({ questionId, model, turn }))).toEqual([]);
  });
});
