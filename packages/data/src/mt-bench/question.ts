// MT-Bench's questions: two turns each, some with a reference by hand.
import { malformedField, parseInteger, parseText, parseTexts } from "../fields.ts";
import { readRows } from "../read-rows.ts";
import { type Row, readItems } from "../row.ts";
import { createUniqueCheck } from "./unique.ts";

/** A question of MT-Bench. */
export interface MtBenchQuestion {
  readonly id: number;
  /** `writing`, `roleplay`, `reasoning`, `math`, `coding`, `extraction`, `stem` or `humanities` in the published set. */
  readonly category: string;
  /** What the user says, a turn after the other: two in MT-Bench, one in its forerunner of 80 questions. */
  readonly turns: readonly string[];
  /** What a good answer to each turn says (a turn may have an empty one), or null. */
  readonly reference: readonly string[] | null;
}

/**
 * Reads the questions of MT-Bench in order, rows `{ question_id, category, turns, reference? }`.
 *
 * @throws DataError where a row is malformed or an id is used twice (with its line)
 * @throws FileError where the file cannot be read
 */
export async function readMtBenchQuestions(path: string): Promise<readonly MtBenchQuestion[]> {
  const checkUnique = createUniqueCheck("question_id");
  return readItems(readRows(path), path, (row: Row): MtBenchQuestion => {
    const id = parseInteger(row, "question_id", 0);
    checkUnique(row, String(id));
    const turns = parseTexts(row, "turns");
    const { reference } = row.fields;
    const texts = reference === undefined || reference === null ? null : parseTexts(row, "reference");
    if (texts !== null && texts.length !== turns.length) {
      throw malformedField(row, "reference", `a list of ${turns.length}, one for each turn,`, reference);
    }
    return { id, category: parseText(row, "category"), turns, reference: texts };
  });
}
