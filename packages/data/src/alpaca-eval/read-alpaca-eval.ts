// AlpacaEval's annotations: one instruction, two outputs and how far the second is preferred. It computes no win rates.
import { malformedField, parseNumber, parseOptionalText, parseText } from "../fields.ts";
import { readRows } from "../read-rows.ts";
import { type Row, readItems } from "../row.ts";

/** One of the two outputs that are compared. */
export interface AlpacaEvalOutput {
  /** The model that wrote it. */
  readonly generator: string;
  readonly text: string;
  /** Length in Unicode code points, as AlpacaEval counts it; a string's own length counts some twice. */
  readonly length: number;
}

/** A comparison of two outputs for one instruction. */
export interface AlpacaEvalAnnotation {
  /** What length-controlled win rates fit a difficulty to. */
  readonly instruction: string;
  /** The set the instruction is from, or null. */
  readonly dataset: string | null;
  /** Output 1: the baseline in AlpacaEval 2. */
  readonly baseline: AlpacaEvalOutput;
  /** Output 2: the model that is evaluated. */
  readonly model: AlpacaEvalOutput;
  /** The judge, or null. */
  readonly annotator: string | null;
  /** From 1 (the baseline is better) to 2 (the model is), or 0, a draw; null where the judge gave none. */
  readonly preference: number | null;
}

function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function readOutput(row: Row, number: 1 | 2): AlpacaEvalOutput {
  const text = parseText(row, `output_${number}`);
  return { generator: parseText(row, `generator_${number}`), text, length: countCodePoints(text) };
}

function readAnnotation(row: Row): AlpacaEvalAnnotation {
  const preference = row.fields.preference === null ? null : parseNumber(row, "preference");
  if (preference !== null && preference !== 0 && !(preference >= 1 && preference <= 2)) {
    throw malformedField(row, "preference", "null, 0 or from 1 to 2", preference);
  }
  return {
    instruction: parseText(row, "instruction"),
    dataset: parseOptionalText(row, "dataset"),
    baseline: readOutput(row, 1),
    model: readOutput(row, 2),
    annotator: parseOptionalText(row, "annotator"),
    preference,
  };
}

/**
 * Reads AlpacaEval's annotations in order, rows `{ instruction, output_1, generator_1, output_2, generator_2,
 * preference, dataset?, annotator? }`; other fields are passed over.
 *
 * @throws DataError where a row is malformed (with its row or line)
 * @throws FileError where the file cannot be read
 */
export async function readAlpacaEval(path: string): Promise<readonly AlpacaEvalAnnotation[]> {
  return readItems(readRows(path), path, readAnnotation);
}
