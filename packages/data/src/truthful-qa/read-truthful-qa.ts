// TruthfulQA: questions with the best, the correct and the incorrect answers, as its CSV or as rows with lists.
// It does not know primers, choices or scores.
import { malformedField, parseText, parseTexts } from "../fields.ts";
import { readRows } from "../read-rows.ts";
import { type Row, readItems } from "../row.ts";

/** A question of TruthfulQA. */
export interface TruthfulQaQuestion {
  /** `Adversarial` or `Non-Adversarial`. */
  readonly type: string;
  readonly category: string;
  readonly question: string;
  readonly bestAnswer: string;
  /** At least one; the best answer is among them in the published file. */
  readonly correctAnswers: readonly string[];
  /** At least one. */
  readonly incorrectAnswers: readonly string[];
  /** Where the truth can be looked up. */
  readonly source: string;
}

/** Answers as a list, or as one text in which `; ` parts them; empty parts, as after a last `;`, are none. */
function parseAnswers(row: Row, field: string): readonly string[] {
  const value = row.fields[field];
  const parts = typeof value === "string" ? value.split(";") : parseTexts(row, field);
  const answers = parts.map((part) => part.trim()).filter((part) => part !== "");
  if (answers.length === 0) throw malformedField(row, field, "at least one answer", value);
  return answers;
}

function parseFilled(row: Row, field: string): string {
  const text = parseText(row, field).trim();
  if (text === "") throw malformedField(row, field, "a text with words", text);
  return text;
}

/**
 * Reads a row.
 *
 * @throws DataError where a field is missing or without words
 */
export function readTruthfulQaRow(row: Row): TruthfulQaQuestion {
  // The CSV's names, or those of its rows on the Hugging Face hub.
  const name = (csv: string): string =>
    row.fields[csv] === undefined && row.fields.question !== undefined ? csv.toLowerCase().replaceAll(" ", "_") : csv;
  return {
    type: parseText(row, name("Type")),
    category: parseText(row, name("Category")),
    question: parseFilled(row, name("Question")),
    bestAnswer: parseFilled(row, name("Best Answer")),
    correctAnswers: parseAnswers(row, name("Correct Answers")),
    incorrectAnswers: parseAnswers(row, name("Incorrect Answers")),
    source: parseText(row, name("Source")),
  };
}

/**
 * Reads the questions of TruthfulQA in order: its CSV with the columns `Type`, `Category`, `Question`, `Best Answer`,
 * `Correct Answers`, `Incorrect Answers` and `Source`, answers parted by `; `; or rows with these names, or with lists
 * under `type`, `best_answer`, `correct_answers` and so on. Compressed by gzip or not; other columns are passed
 * over. White space around questions and answers is dropped.
 *
 * @throws DataError where a row is malformed or a question has no correct or no incorrect answer (with its line)
 * @throws FileError where the file cannot be read
 */
export async function readTruthfulQa(path: string): Promise<readonly TruthfulQaQuestion[]> {
  return readItems(readRows(path, "csv"), path, readTruthfulQaRow);
}
