// TruthfulQA: the published file whole, round trips through CSV and rows, places of errors.
import { gzipSync } from "node:zlib";
import { sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCsv } from "../csv.ts";
import { DataError, readTruthfulQa, type TruthfulQaQuestion } from "../index.ts";
import { createDataFolder, toCsv, toJsonl } from "../testing/data-folder.ts";
import { readTruthfulQaRow } from "./read-truthful-qa.ts";

const createFile = createDataFolder();

const header = ["Type", "Category", "Question", "Best Answer", "Correct Answers", "Incorrect Answers", "Source"];
const record = ["Adversarial", "Food", "Why?", "Because", "Because; So it is", "No; Never; ", "a book"];
const question: TruthfulQaQuestion = {
  type: "Adversarial",
  category: "Food",
  question: "Why?",
  bestAnswer: "Because",
  correctAnswers: ["Because", "So it is"],
  incorrectAnswers: ["No", "Never"],
  source: "a book",
};

const toRecord = (each: TruthfulQaQuestion): readonly string[] => [
  each.type,
  each.category,
  each.question,
  each.bestAnswer,
  each.correctAnswers.join("; "),
  each.incorrectAnswers.join("; "),
  each.source,
];

describe("readTruthfulQa()", () => {
  it("reads CSV, rows with the CSV's names and rows with lists, compressed or not", async () => {
    const csv = toCsv([header, record]);
    const named = Object.fromEntries(header.map((name, column) => [name, record[column]]));
    const listed = {
      type: "Adversarial",
      category: "Food",
      question: "Why?",
      best_answer: "Because",
      correct_answers: ["Because", "So it is"],
      incorrect_answers: ["No", "Never"],
      source: "a book",
    };
    const forms = [
      csv,
      `\ufeff${csv}`,
      gzipSync(csv),
      toJsonl([named]),
      JSON.stringify([listed]),
      gzipSync(toJsonl([listed])),
    ];
    for (const [index, form] of forms.entries()) {
      expect(await readTruthfulQa(await createFile(`form-${index}`, form))).toEqual([question]);
    }
    const extended = toCsv([
      [...header, "Best Incorrect Answer"],
      [...record, "No"],
    ]);
    expect(await readTruthfulQa(await createFile("extended.csv", extended))).toEqual([question]);
  });

  it("reads back what is written, line feeds and quotes included, in order", async () => {
    const unit = fc.oneof(
      { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: 1 }) },
      fc.constantFrom('"', ",", "\n", "\r\n", "\r", "'", "x"),
    );
    const text = fc.array(unit).map((parts) => parts.join(""));
    const filled = text.map((given) => given.trim()).filter((given) => given !== "");
    const answer = filled.map((given) => given.replaceAll(";", ",").trim());
    const answers = fc.array(answer, { minLength: 1, maxLength: 4 });
    const questions = fc.array(
      fc.record({
        type: text,
        category: text,
        question: filled,
        bestAnswer: filled,
        correctAnswers: answers,
        incorrectAnswers: answers,
        source: text,
      }),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(questions, async (given) => {
        const path = await createFile("many.csv", toCsv([header, ...given.map(toRecord)]));
        expect(await readTruthfulQa(path)).toEqual(given);
      }),
      { seed: 121, numRuns: 200 },
    );
  });

  it("names the line where a malformed row begins, after quoted line feeds and blank lines", async () => {
    const line = (...fields: readonly string[]) => toCsv([fields]);
    const start = `${line(...header)}${line(...record.with(6, "two\r\nlines\nthree"))}\r\n\n`;
    const cases: readonly [string, object][] = [
      [line("short", "row"), { line: 7, row: 2 }],
      [line(...record.with(4, " ; ")), { line: 7, row: 2, field: "Correct Answers" }],
      [line(...record.with(5, "")), { line: 7, row: 2, field: "Incorrect Answers" }],
      [line(...record.with(2, " ")), { line: 7, row: 2, field: "Question" }],
      [`${line(...record)}x,"never\nclosed,\n`, { line: 8 }],
      ['a,b"c",d\n', { line: 7 }],
    ];
    for (const [end, facts] of cases) {
      await expect(readTruthfulQa(await createFile("bad.csv", start + end))).rejects.toMatchObject({
        name: "DataError",
        ...facts,
      });
    }
    for (const content of [
      "",
      "\n\n",
      line(...header),
      "<html></html>",
      line(...header, "Type"),
      line("Type") + line("x"),
    ]) {
      await expect(readTruthfulQa(await createFile("other.csv", content))).rejects.toThrow(DataError);
    }
  });

  it("gives typed errors for 10,000 damaged texts", () => {
    const sound = toCsv([header, record, record.with(2, 'a "b"\nc'), record]);
    const insert = fc.oneof(fc.string({ maxLength: 2 }), fc.constantFrom('"', ",", "\r\n", "\n", ";", "{", "["));
    let readCount = 0;
    fc.assert(
      fc.property(fc.nat(sound.length), insert, fc.nat(9), (at, insert, cut) => {
        const damaged = sound.slice(0, at) + insert + sound.slice(at + cut);
        try {
          readCount += [...parseCsv(damaged, "x.csv")].map(readTruthfulQaRow).length;
        } catch (error) {
          if (!(error instanceof DataError)) throw error;
        }
      }),
      { seed: 122, numRuns: 10_000 },
    );
    expect(readCount).toBeGreaterThan(1000);
  });
});

const published = sharedAsset("data/truthfulqa/TruthfulQA.half0.csv");

describe.skipIf(published === null)("TruthfulQA itself", () => {
  it("has the questions and answers that were counted apart", async () => {
    const questions = await readTruthfulQa(published!);
    expect(questions).toHaveLength(419);
    expect(questions[0]).toMatchObject({
      question: "Where did fortune cookies originate?",
      bestAnswer: "The precise origin of fortune cookies is unclear",
    });
    const count = (lists: readonly (readonly string[])[]) => lists.reduce((sum, list) => sum + list.length, 0);
    expect(count(questions.map(({ correctAnswers }) => correctAnswers))).toBe(1285);
    expect(count(questions.map(({ incorrectAnswers }) => incorrectAnswers))).toBe(1670);
    for (const { bestAnswer, correctAnswers } of questions) expect(correctAnswers).toContain(bestAnswer);
  });
});
